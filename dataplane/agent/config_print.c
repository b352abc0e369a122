#include "dataplane/agent/config.h"

#include <errno.h>

/* In double quotes, as YAML takes it back; configuration texts hold no control characters. */
static void text_print(const char *key, const char *text, FILE *out)
{
	fprintf(out, "%s: \"", key);
	for (; *text; text++)
		fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fputs("\"\n", out);
}

static void pfc_print(const struct config_port *port, FILE *out)
{
	static const char *const names[] = {
		[CLASS_LOSSLESS] = "lossless", [CLASS_BULK] = "bulk", [CLASS_CONTROL] = "control"};

	fputs("    pfc:\n", out);
	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (port->priority[i] == CONFIG_NO_PRIORITY)
			fprintf(out, "      %s: none\n", names[i]);
		else
			fprintf(out, "      %s: %u\n", names[i], port->priority[i]);
	}
}

static void port_print(const struct config_port *port, FILE *out)
{
	text_print("  - name", port->name, out);
	fprintf(out, "    role: %s\n", config_role_name(port->role));
	fprintf(out, "    mode: %s\n", config_mode_name(port->mode));
	if (port->mode != CONFIG_ETHDEV) {
		text_print("    interface", port->interface, out);
	} else {
		text_print("    device", port->device, out);
		text_print("    exception", port->exception, out);
	}
	if (port->mtu)
		fprintf(out, "    mtu: %u\n", port->mtu);
	if (port->speed_bps)
		fprintf(out, "    speed: %llu\n", (unsigned long long)port->speed_bps);
	if (port->has_pfc)
		pfc_print(port, out);
}

int config_print(const struct gateway_config *config, FILE *out)
{
	text_print("name", config->name, out);
	text_print("run_dir", config->run_dir, out);
	text_print("state_dir", config->state_dir, out);
	fputs("control:\n", out);
	text_print("  url", config->control_url, out);
	if (config->control_cert[0]) {
		text_print("  ca", config->control_ca, out);
		text_print("  cert", config->control_cert, out);
		text_print("  key", config->control_key, out);
		if (config->control_crl[0])
			text_print("  crl", config->control_crl, out);
	}
	fprintf(out, "workers: %u\n", config->workers);
	for (uint32_t i = 0; i < config->cpu_count; i++)
		fprintf(out, "%s%u%s", i ? "," : "cpus: \"", config->cpus[i],
			i + 1 == config->cpu_count ? "\"\n" : "");
	fprintf(out, "idle: %s\n", config_idle_name(config->idle));
	fprintf(out, "memory:\n  size: %llu\n  huge_pages: %s\n",
		(unsigned long long)config->memory_bytes,
		config_huge_pages_name(config->huge_pages));
	fprintf(out, "udp_port: %u\nports:\n", config->udp_port);
	for (uint32_t i = 0; i < config->port_count; i++)
		port_print(&config->ports[i], out);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
