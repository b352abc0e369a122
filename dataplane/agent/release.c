/* --release: what a gateway left on its interfaces is taken off them. */
#include "dataplane/agent/agent.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/agent/kernel_rules.h"
#include "dataplane/agent/lock.h"

static int port_release(const struct config_port *port, FILE *out)
{
	uint32_t ifindex = if_nametoindex(port->interface);
	int count;

	if (!ifindex) {
		fprintf(out, "port %s: there is no interface %s\n", port->name, port->interface);
		return 0;
	}
	count = kernel_rules_release(ifindex);
	if (count < 0)
		return count;
	fprintf(out, "port %s: %s %s: the kernel has all its traffic\n", port->name,
		count ? "the classifier is off" : "no classifier was on", port->interface);
	return 0;
}

int agent_release(const struct gateway_config *config, FILE *out, char *error, size_t size)
{
	for (uint32_t i = 0; i < config->port_count; i++) {
		const struct config_port *port = &config->ports[i];
		int lock, ret;

		if (port->mode == CONFIG_ETHDEV)
			continue;
		lock = lock_interface(port->interface);
		if (lock < 0) {
			snprintf(error, size, "port %s: a gateway uses interface %s: stop it first",
				 port->name, port->interface);
			return lock;
		}
		ret = port_release(port, out);
		close(lock);
		if (ret) {
			snprintf(error, size, "port %s: the classifier stays on %s: %s", port->name,
				 port->interface, strerror(-ret));
			return ret;
		}
	}
	return 0;
}
