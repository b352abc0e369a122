/*
 * The gateway's configuration file: names, ports, cores, memory. Sites, links and paths are not
 * here; they come from control.
 *
 * Read once at start on the main thread; constant afterwards and so readable from any thread. A
 * loaded configuration has passed every check that needs no device: names are unique, at least one
 * lan and one wan port exist, each mode has what it needs, numbers are in range.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dataplane/abi/verdict.h"

#define CONFIG_NAME_BYTES   64
#define CONFIG_PATH_BYTES   108
#define CONFIG_URL_BYTES    256
#define CONFIG_DEVICE_BYTES 256
#define CONFIG_WORKERS_MAX  16
#define CONFIG_PORTS_MAX    16
#define CONFIG_NO_PRIORITY  0xff /* the class is never paused */

enum config_role {
	CONFIG_LAN = 1,
	CONFIG_WAN = 2
}; /* the numbers of enum cw_port_role */
enum config_mode {
	CONFIG_XDP = 1,
	CONFIG_PACKET = 2,
	CONFIG_ETHDEV = 3
};
enum config_idle {
	CONFIG_ADAPTIVE = 1,
	CONFIG_POLL = 2
};
enum config_huge_pages {
	CONFIG_HUGE_REQUIRE = 1,
	CONFIG_HUGE_NONE = 2
};

struct config_port {
	char name[CONFIG_NAME_BYTES];
	enum config_role role;
	enum config_mode mode;
	char interface[IFNAMSIZ];	  /* xdp and packet; else empty */
	char device[CONFIG_DEVICE_BYTES]; /* ethdev: DPDK devargs; else empty */
	char exception[IFNAMSIZ];	  /* ethdev: name of the TAP exception port; else empty */
	uint32_t mtu;			  /* ethdev, 0: 1,500; else 0 */
	uint64_t speed_bps;		  /* lan, 0: what driver or kernel say */
	bool has_pfc;			  /* lan: priority pauses, sent and obeyed */
	uint8_t priority[CLASS_COUNT];	  /* has_pfc: of each class, or CONFIG_NO_PRIORITY */
};

struct gateway_config {
	char name[CONFIG_NAME_BYTES];
	char run_dir[CONFIG_PATH_BYTES];
	char state_dir[CONFIG_PATH_BYTES];
	char control_url[CONFIG_URL_BYTES];
	char control_ca[CONFIG_PATH_BYTES]; /* these three: with https, else empty */
	char control_cert[CONFIG_PATH_BYTES];
	char control_key[CONFIG_PATH_BYTES];
	char control_crl[CONFIG_PATH_BYTES]; /* perhaps with them */
	uint32_t workers;
	uint32_t cpu_count; /* 0: not pinned; else = workers */
	uint32_t cpus[CONFIG_WORKERS_MAX];
	enum config_idle idle;
	uint64_t memory_bytes;
	enum config_huge_pages huge_pages;
	uint16_t udp_port; /* of lane 0 */
	uint32_t port_count;
	struct config_port *ports; /* in the file's order */
};

/*
 * 0, or -EINVAL, -ENOMEM or -errno of open or read with one line in error, without newline, that
 * names file and line and says what to do. *config is untouched but with 0; then config_free it.
 */
int config_load(const char *path, struct gateway_config *config, char *error, size_t size);
/* From memory; name is what error lines call it. */
int config_parse(const char *name, const char *text, size_t length, struct gateway_config *config,
		 char *error, size_t size);
void config_free(struct gateway_config *config);
/* The effective configuration as YAML that config_load takes again. 0 or -EIO. */
int config_print(const struct gateway_config *config, FILE *out);

const char *config_mode_name(enum config_mode mode);		 /* "xdp", "packet", "ethdev" */
const char *config_role_name(enum config_role role);		 /* "lan", "wan" */
const char *config_idle_name(enum config_idle idle);		 /* "adaptive", "poll" */
const char *config_huge_pages_name(enum config_huge_pages huge); /* "require", "none" */
