#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"
#include "dataplane/agent/config_text.h"

#define MTU_MIN	      1280 /* IPv6's least */
#define MTU_MAX	      9600
#define SPEED_MIN_BPS 1000000ull
#define SPEED_MAX_BPS 400000000000ull

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

static int speed_read(const struct config_reading *reading, uint32_t index, const char *text,
		      uint64_t *bps)
{
	if (units_parse_rate(text, bps))
		return config_wrong(reading, PLACE(index, "speed"),
				    "'%s' is not a rate such as 25G or 100G", text);
	if (*bps < SPEED_MIN_BPS || *bps > SPEED_MAX_BPS)
		return config_wrong(reading, PLACE(index, "speed"),
				    "'%s' is not between 1M and 400G", text);
	return 0;
}

static int priority_read(const struct config_reading *reading, uint32_t index, const char *key,
			 const char *text, uint8_t *priority)
{
	uint32_t number;
	char place[32];

	if (!text)
		return 0;
	if (!strcmp(text, "none")) {
		*priority = CONFIG_NO_PRIORITY;
		return 0;
	}
	snprintf(place, sizeof(place), "pfc.%s", key);
	if (strlen(text) != 1 ||
	    config_read_number(reading, PLACE(index, place), text, 0, 7, &number))
		return config_wrong(reading, PLACE(index, place),
				    "'%s' is neither a priority from 0 to 7 nor none", text);
	*priority = (uint8_t)number;
	return 0;
}

static int pfc_read(const struct config_reading *reading, uint32_t index,
		    const struct config_raw_pfc *raw, struct config_port *port)
{
	port->has_pfc = true;
	port->priority[CLASS_LOSSLESS] = 3;
	port->priority[CLASS_BULK] = 4;
	if (priority_read(reading, index, "lossless", raw->lossless,
			  &port->priority[CLASS_LOSSLESS]) ||
	    priority_read(reading, index, "bulk", raw->bulk, &port->priority[CLASS_BULK]) ||
	    priority_read(reading, index, "control", raw->control, &port->priority[CLASS_CONTROL]))
		return -EINVAL;
	return 0;
}

/* What only a LAN port has. */
static int lan_read(const struct config_reading *reading, uint32_t index,
		    const struct config_raw_port *raw, struct config_port *port)
{
	memset(port->priority, CONFIG_NO_PRIORITY, sizeof(port->priority));
	if (port->role != CONFIG_LAN && raw->speed)
		return config_wrong(
			reading, PLACE(index, "speed"),
			"only lan ports have one; how fast a link is says the control plane");
	if (port->role != CONFIG_LAN && raw->pfc)
		return config_wrong(reading, PLACE(index, "pfc"),
				    "only lan ports have it: no pause crosses the WAN");
	if (raw->speed && speed_read(reading, index, raw->speed, &port->speed_bps))
		return -EINVAL;
	return raw->pfc ? pfc_read(reading, index, raw->pfc, port) : 0;
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
	if (lan_read(reading, index, raw, port))
		return -EINVAL;
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
