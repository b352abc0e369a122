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
enum exit_code run_pki_init(struct ctl *ctl);
enum exit_code run_pki_issue(struct ctl *ctl);
enum exit_code run_pki_revoke(struct ctl *ctl);
enum exit_code run_status(struct ctl *ctl);
enum exit_code run_offer(struct ctl *ctl);
enum exit_code run_path_commit(struct ctl *ctl);
enum exit_code run_path_abort(struct ctl *ctl);
enum exit_code run_path_renew(struct ctl *ctl);
enum exit_code run_path_move(struct ctl *ctl);
enum exit_code run_path_history(struct ctl *ctl);
enum exit_code run_watch(struct ctl *ctl);
enum exit_code run_events(struct ctl *ctl);
enum exit_code run_topology(struct ctl *ctl);
enum exit_code run_usage(struct ctl *ctl);
enum exit_code run_cluster_create(struct ctl *ctl);
enum exit_code run_cluster_show(struct ctl *ctl);
enum exit_code run_cluster_env(struct ctl *ctl);
enum exit_code run_link_up(struct ctl *ctl);
enum exit_code run_link_drain(struct ctl *ctl);
enum exit_code run_link_down(struct ctl *ctl);
enum exit_code run_explain(struct ctl *ctl);
enum exit_code run_validate(struct ctl *ctl);
enum exit_code run_backup(struct ctl *ctl);
enum exit_code run_restore(struct ctl *ctl);
enum exit_code run_completion(struct ctl *ctl);
enum exit_code run_manual(struct ctl *ctl);
