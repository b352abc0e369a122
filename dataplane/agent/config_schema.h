/*
 * The gateway's configuration file as libcyaml loads it: every scalar still text, NULL when absent.
 *
 * Private to config.c, which checks the texts itself: its errors can say what to do. Any thread.
 */
#pragma once

#include <stdint.h>

#include <cyaml/cyaml.h>

struct config_raw_pfc {
	char *lossless, *bulk, *control;
};

struct config_raw_port {
	char *name, *role, *mode, *interface, *device, *exception, *mtu, *speed;
	struct config_raw_pfc *pfc; /* NULL: off */
};

struct config_raw {
	char *name, *run_dir, *state_dir;
	struct config_raw_control {
		char *url, *ca, *cert, *key, *crl;
	} control;
	char *workers, *cpus, *idle;
	struct config_raw_memory {
		char *size, *huge_pages;
	} memory;
	char *udp_port;
	struct config_raw_port *ports;
	uint32_t ports_count;
};

/* Of a struct config_raw *. */
extern const cyaml_schema_value_t config_schema;
