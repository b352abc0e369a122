#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/config_text.h"

#define MTU_MIN 1280 /* IPv6's least */
#define MTU_MAX 9600

static const char *place_of(char *out, size_t size, uint32_t index, const char *key)
{
	snprintf(out, size, "ports[%u]%s%s", index, *key ? "." : "", key);
	return out;
}

#define PLACE(index, key) place_of((char[64]){0}, 64, index, key)

static int kernel_port_read(const struct config_reading *reading, uint32_t index,
			    const struct config_raw_port *raw, struct config_port *port)
{
	const char *mode = config_choice_name(config_modes, port->mode);

	if (!raw->interface)
		return config_wrong(reading, PLACE(index, "interface"),
				    "mode %s needs the name of a kernel interface", mode);
	if (raw->device)
		return config_wrong(reading, PLACE(index, "device"),
				    "mode %s takes 'interface' only; 'device' is for mode ethdev",
				    mode);
	if (raw->exception)
		return config_wrong(reading, PLACE(index, "exception"),
				    "only mode ethdev has an exception port: remove it");
	if (raw->mtu)
		return config_wrong(reading, PLACE(index, "mtu"),
				    "mode %s takes the interface's MTU: remove it", mode);
	return config_read_interface(reading, PLACE(index, "interface"), raw->interface,
				     port->interface);
}

static int ethdev_port_read(const struct config_reading *reading, uint32_t index,
			    const struct config_raw_port *raw, struct config_port *port)
{
	if (!raw->device || !*raw->device)
		return config_wrong(
			reading, PLACE(index, "device"),
			"mode ethdev needs DPDK devargs: a PCI address or a virtual device");
	if (raw->interface)
		return config_wrong(
			reading, PLACE(index, "interface"),
			"mode ethdev takes 'device'; 'interface' is for xdp and packet");
	if (strlen(raw->device) >= CONFIG_DEVICE_BYTES)
		return config_wrong(reading, PLACE(index, "device"), "longer than %d characters",
				    CONFIG_DEVICE_BYTES - 1);
	if (strpbrk(raw->device, " \t\n"))
		return config_wrong(reading, PLACE(index, "device"), "devargs have no blanks");
	strcpy(port->device, raw->device);
	if (raw->mtu && config_read_number(reading, PLACE(index, "mtu"), raw->mtu, MTU_MIN, MTU_MAX,
					   &port->mtu))
		return -EINVAL;
	if (!raw->exception && strlen(port->name) >= IFNAMSIZ)
		return config_wrong(
			reading, PLACE(index, "name"),
			"too long to name the exception port too: set 'exception', at most %d "
			"characters",
			IFNAMSIZ - 1);
	return config_read_interface(reading, PLACE(index, "exception"),
				     raw->exception ? raw->exception : port->name, port->exception);
}

/* The kernel interface that a port occupies or makes. */
static const char *port_netdev(const struct config_port *port)
{
	return port->mode == CONFIG_ETHDEV ? port->exception : port->interface;
}

static int port_check_unique(const struct config_reading *reading,
			     const struct gateway_config *config, uint32_t index)
{
	const struct config_port *port = &config->ports[index];

	for (uint32_t i = 0; i < index; i++) {
		const struct config_port *other = &config->ports[i];
		bool is_ethdev = port->mode == CONFIG_ETHDEV;

		if (!strcmp(port->name, other->name))
			return config_wrong(reading, PLACE(index, "name"),
					    "'%s' is already the name of ports[%u]", port->name, i);
		if (!strcmp(port_netdev(port), port_netdev(other)))
			return config_wrong(
				reading, PLACE(index, is_ethdev ? "exception" : "interface"),
				"'%s' is already used by port %s", port_netdev(port), other->name);
		if (is_ethdev && !strcmp(port->device, other->device))
			return config_wrong(reading, PLACE(index, "device"),
					    "'%s' is already used by port %s", port->device,
					    other->name);
	}
	return 0;
}

static int port_read(const struct config_reading *reading, uint32_t index,
		     const struct config_raw_port *raw, struct config_port *port)
{
	int role, mode;

	if (config_read_name(reading, PLACE(index, "name"), raw->name, port->name))
		return -EINVAL;
	if (!raw->role)
		return config_wrong(reading, PLACE(index, "role"), "required: lan or wan");
	if (!raw->mode)
		return config_wrong(reading, PLACE(index, "mode"),
				    "required: xdp, packet or ethdev");
	if (config_read_choice(reading, PLACE(index, "role"), raw->role, config_roles, &role) ||
	    config_read_choice(reading, PLACE(index, "mode"), raw->mode, config_modes, &mode))
		return -EINVAL;
	port->role = (enum config_role)role;
	port->mode = (enum config_mode)mode;
	if (port->mode == CONFIG_ETHDEV)
		return ethdev_port_read(reading, index, raw, port);
	return kernel_port_read(reading, index, raw, port);
}

int config_read_ports(const struct config_reading *reading, const struct config_raw *raw,
		      struct gateway_config *config)
{
	uint32_t lans = 0, wans = 0;
	int err;

	if (raw->ports_count > CONFIG_PORTS_MAX)
		return config_wrong(reading, "ports", "%u ports; at most %d", raw->ports_count,
				    CONFIG_PORTS_MAX);
	config->ports = calloc(raw->ports_count + 1, sizeof(*config->ports));
	if (!config->ports) {
		snprintf(reading->error, reading->size, "%s: out of memory", reading->name);
		return -ENOMEM;
	}
	config->port_count = raw->ports_count;
	for (uint32_t i = 0; i < config->port_count; i++) {
		err = port_read(reading, i, &raw->ports[i], &config->ports[i]);
		if (!err)
			err = port_check_unique(reading, config, i);
		if (err)
			return err;
		lans += config->ports[i].role == CONFIG_LAN;
		wans += config->ports[i].role == CONFIG_WAN;
	}
	if (!lans)
		return config_wrong(reading, "ports", "no port has role lan: add one");
	if (!wans)
		return config_wrong(reading, "ports", "no port has role wan: add one");
	return 0;
}
