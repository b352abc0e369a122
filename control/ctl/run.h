/* The commands' functions, named by the table in commands.c. Each prints its result. */
#pragma once

#include "control/ctl/command.h"

#define CTL_DEFAULT_URL "http://127.0.0.1:7700"

enum exit_code run_apply(struct ctl *ctl);
enum exit_code run_get(struct ctl *ctl);
enum exit_code run_delete(struct ctl *ctl);
enum exit_code run_path_create(struct ctl *ctl);
enum exit_code run_path_show(struct ctl *ctl);
enum exit_code run_path_rm(struct ctl *ctl);
enum exit_code run_path_list(struct ctl *ctl);
enum exit_code run_status(struct ctl *ctl);
