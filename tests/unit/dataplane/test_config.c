#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/agent/config.h"

#define LAN "- {name: lan0, role: lan, mode: xdp, interface: eth0}\n"
#define WAN "- {name: wan0, role: wan, mode: packet, interface: eth1}\n"
#define TOP "name: gw-a\n"

static const char whole[] = "name: gw-a\n"
			    "run_dir: /tmp/run\n"
			    "state_dir: /tmp/state\n"
			    "control:\n"
			    "  url: http://[fd00::1]:7701/\n"
			    "workers: 3\n"
			    "cpus: \"1-2,7\"\n"
			    "idle: poll\n"
			    "memory:\n"
			    "  size: 1GiB\n"
			    "  huge_pages: none\n"
			    "udp_port: 48000\n"
			    "ports:\n"
			    "  - name: lan0\n"
			    "    role: lan\n"
			    "    mode: xdp\n"
			    "    interface: eth0\n"
			    "    speed: 25G\n"
			    "    pfc:\n"
			    "      bulk: none\n"
			    "      control: 6\n"
			    "  - name: wan0\n"
			    "    role: wan\n"
			    "    mode: ethdev\n"
			    "    device: \"0000:65:00.0\"\n"
			    "    mtu: 9000\n"
			    "  - name: wan1\n"
			    "    role: wan\n"
			    "    mode: ethdev\n"
			    "    device: net_tap0,iface=x\n"
			    "    exception: cwwan1\n";

static int parse(const char *text, struct gateway_config *config, char *error, size_t size)
{
	return config_parse("f", text, strlen(text), config, error, size);
}

static void check_whole(const struct gateway_config *config)
{
	assert_string_equal(config->name, "gw-a");
	assert_string_equal(config->run_dir, "/tmp/run");
	assert_string_equal(config->state_dir, "/tmp/state");
	assert_string_equal(config->control_url, "http://[fd00::1]:7701/");
	assert_int_equal(config->workers, 3);
	assert_int_equal(config->cpu_count, 3);
	assert_int_equal(config->cpus[0], 1);
	assert_int_equal(config->cpus[1], 2);
	assert_int_equal(config->cpus[2], 7);
	assert_int_equal(config->idle, CONFIG_POLL);
	assert_true(config->memory_bytes == 1ull << 30);
	assert_int_equal(config->huge_pages, CONFIG_HUGE_NONE);
	assert_int_equal(config->udp_port, 48000);
	assert_int_equal(config->port_count, 3);
	assert_int_equal(config->ports[0].role, CONFIG_LAN);
	assert_int_equal(config->ports[0].mode, CONFIG_XDP);
	assert_string_equal(config->ports[0].interface, "eth0");
	assert_true(config->ports[0].speed_bps == 25000000000ull);
	assert_true(config->ports[0].has_pfc);
	assert_int_equal(config->ports[0].priority[CLASS_LOSSLESS], 3);
	assert_int_equal(config->ports[0].priority[CLASS_BULK], CONFIG_NO_PRIORITY);
	assert_int_equal(config->ports[0].priority[CLASS_CONTROL], 6);
	assert_int_equal(config->ports[0].priority[CLASS_COUNT - 1], CONFIG_NO_PRIORITY);
	assert_false(config->ports[1].has_pfc);
	assert_string_equal(config->ports[1].device, "0000:65:00.0");
	assert_string_equal(config->ports[1].exception, "wan0");
	assert_int_equal(config->ports[1].mtu, 9000);
	assert_string_equal(config->ports[2].exception, "cwwan1");
	assert_int_equal(config->ports[2].mtu, 0);
}

static void parse__every_key(void **state)
{
	struct gateway_config config;
	char error[200] = "";

	(void)state;
	if (parse(whole, &config, error, sizeof(error)))
		fail_msg("%s", error);
	check_whole(&config);
	config_free(&config);
}

static void parse__defaults(void **state)
{
	struct gateway_config config;
	char error[200] = "";

	(void)state;
	if (parse(TOP "ports:\n" LAN WAN, &config, error, sizeof(error)))
		fail_msg("%s", error);
	assert_string_equal(config.run_dir, "/run/causeway");
	assert_string_equal(config.state_dir, "/var/lib/causeway");
	assert_string_equal(config.control_url, "http://127.0.0.1:7700");
	assert_int_equal(config.workers, 1);
	assert_int_equal(config.cpu_count, 0);
	assert_int_equal(config.idle, CONFIG_ADAPTIVE);
	assert_true(config.memory_bytes == 256ull << 20);
	assert_int_equal(config.huge_pages, CONFIG_HUGE_REQUIRE);
	assert_int_equal(config.udp_port, 47700);
	assert_true(config.ports[0].speed_bps == 0);
	assert_false(config.ports[0].has_pfc);
	config_free(&config);
}

static void parse__tls(void **state)
{
	struct gateway_config config;
	char error[200] = "";

	(void)state;
	if (parse(TOP "control: {url: 'https://c:1', ca: /a, cert: /b, key: /c, crl: /d}\n"
		      "ports:\n" LAN WAN,
		  &config, error, sizeof(error)))
		fail_msg("%s", error);
	assert_string_equal(config.control_url, "https://c:1");
	assert_string_equal(config.control_ca, "/a");
	assert_string_equal(config.control_cert, "/b");
	assert_string_equal(config.control_key, "/c");
	assert_string_equal(config.control_crl, "/d");
	config_free(&config);
}

static void parse__pfc_defaults(void **state)
{
	struct gateway_config config;
	char error[200] = "";

	(void)state;
	if (parse(TOP "ports:\n" WAN
		      "- {name: lan0, role: lan, mode: xdp, interface: eth0, pfc: {}}\n",
		  &config, error, sizeof(error)))
		fail_msg("%s", error);
	assert_true(config.ports[1].has_pfc);
	assert_int_equal(config.ports[1].priority[CLASS_LOSSLESS], 3);
	assert_int_equal(config.ports[1].priority[CLASS_BULK], 4);
	assert_int_equal(config.ports[1].priority[CLASS_CONTROL], CONFIG_NO_PRIORITY);
	config_free(&config);
}

static void print__parses_back(void **state)
{
	struct gateway_config config;
	char *text = NULL, error[200] = "";
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	assert_non_null(out);
	assert_int_equal(parse(whole, &config, error, sizeof(error)), 0);
	assert_int_equal(config_print(&config, out), 0);
	fclose(out);
	config_free(&config);
	if (parse(text, &config, error, sizeof(error)))
		fail_msg("%s\n%s", error, text);
	check_whole(&config);
	config_free(&config);
	free(text);
}

struct bad_case {
	const char *text;
	const char *error; /* how it begins */
};

static void check_bad(const struct bad_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct gateway_config config;
		char error[300] = "";
		int result = parse(cases[i].text, &config, error, sizeof(error));

		if (!result)
			config_free(&config);
		if (result != -EINVAL || strncmp(error, cases[i].error, strlen(cases[i].error)))
			fail_msg("%s\nresult %d, error '%s'\nwanted '%s'", cases[i].text, result,
				 error, cases[i].error);
		assert_null(strchr(error, '\n'));
	}
}

#define CHECK_BAD(cases) check_bad(cases, sizeof(cases) / sizeof((cases)[0]))
#define NAME_64		 "n123456789012345678901234567890123456789012345678901234567890123"

static void parse__bad_top(void **state)
{
	static const struct bad_case cases[] = {
		{"", "f: empty"},
		{"ports:\n" LAN WAN, "f: name: a name is required"},
		{"name:\nports:\n" LAN WAN, "f:1: name: a name is required"},
		{"name: a b\n", "f:1: name: 'a b': use letters"},
		{"name: ..\n", "f:1: name: '..': use letters"},
		{"name: a/b\n", "f:1: name: 'a/b': use letters"},
		{"name: " NAME_64 "\n", "f:1: name: longer than 63"},
		{TOP "run_dir: run\n", "f:2: run_dir: 'run' is not an absolute path"},
		{TOP "state_dir: ''\n", "f:2: state_dir: '' is not an absolute path"},
		{TOP "color: red\n", "f:2: unknown key 'color'"},
		{TOP "name: b\n", "f:2: duplicate key 'name'"},
		{TOP "control: http://x\n", "f:2: "},
		{TOP "control:\n  uri: x\n", "f:3: unknown key 'uri'"},
		{TOP "control:\n  url: https://a:1\n", "f:2: control: https needs the files"},
		{TOP "control:\n  url: https://a\n", "f:3: control.url: 'https://a' is not of"},
		{TOP "control:\n  ca: x\n", "f:3: control.ca: 'x' is not an absolute path"},
		{TOP "control:\n  ca: /x\n", "f:2: control: ca, cert, key and crl are for https"},
		{TOP "control:\n  url: https://a:1\n  ca: /x\n  cert: /y\n",
		 "f:2: control: https needs the files"},
		{TOP "control:\n  url: http://a\n", "f:3: control.url: 'http://a' is not of"},
		{TOP "control:\n  url: a:7700\n", "f:3: control.url: 'a:7700' is not of"},
		{TOP "control:\n  url: http://:7700\n", "f:3: control.url: "},
		{TOP "control:\n  url: http://[::1:7700\n", "f:3: control.url: "},
		{TOP "control:\n  url: http://a:7700/v1\n", "f:3: control.url: "},
		{TOP "control:\n  url: http://a:0\n", "f:3: control.url: '0' is not a whole"},
		{TOP "control:\n  url: http://a:99999\n", "f:3: control.url: '99999' is not"},
		{TOP "control:\n  url: ht\n", "f:3: control.url: 'ht' is not of"},
		{TOP "workers: 0\n", "f:2: workers: '0' is not a whole number from 1 to 16"},
		{TOP "workers: 17\n", "f:2: workers: '17' is not a whole number"},
		{TOP "workers: -1\n", "f:2: workers: '-1' is not a whole number"},
		{TOP "workers: 2x\n", "f:2: workers: '2x' is not a whole number"},
		{TOP "workers: [1]\n", "f:2: "},
		{TOP "cpus: '1,2'\n", "f:2: cpus: more CPUs than workers (1)"},
		{TOP "workers: 2\ncpus: '1'\n", "f:3: cpus: 1 CPUs for 2 workers"},
		{TOP "workers: 2\ncpus: '1,1'\n", "f:3: cpus: CPU 1 is named twice"},
		{TOP "workers: 2\ncpus: '2-1'\n", "f:3: cpus: range 2-1 runs backwards"},
		{TOP "workers: 2\ncpus: '1,'\n", "f:3: cpus: not a list"},
		{TOP "workers: 2\ncpus: ''\n", "f:3: cpus: not a list"},
		{TOP "cpus: a\n", "f:2: cpus: 'a' is not a whole number"},
		{TOP "cpus: 1-\n", "f:2: cpus: '' is not a whole number"},
		{TOP "cpus: 5000\n", "f:2: cpus: '5000' is not a whole number"},
		{TOP "idle: lazy\n", "f:2: idle: 'lazy' is not one of: adaptive, poll"},
		{TOP "memory:\n  size: 256\n", "f:3: memory.size: '256' is not between"},
		{TOP "memory:\n  size: 2G B\n", "f:3: memory.size: '2G B' is not a size"},
		{TOP "memory:\n  size: 9TiB\n", "f:3: memory.size: '9TiB' is not between"},
		{TOP "memory:\n  huge_pages: yes\n", "f:3: memory.huge_pages: 'yes' is not one"},
		{TOP "udp_port: 80\n", "f:2: udp_port: '80' is not a whole number from 1024"},
		{TOP "udp_port: 65001\n", "f:2: udp_port: '65001' is not"},
		{TOP "udp_port: 4791\n", "f:2: udp_port: 4791 and the ports above it meet"},
		{TOP "udp_port: 4780\n", "f:2: udp_port: 4780 and the ports above it meet"},
	};

	(void)state;
	CHECK_BAD(cases);
}

/* The port under test is on line 4, key by key on its own line. */
#define PORT(keys) TOP "ports:\n" LAN "- name: p1\n" keys

static void parse__bad_ports(void **state)
{
	static const struct bad_case cases[] = {
		{TOP, "f: ports: no port has role lan"},
		{TOP "ports: []\n", "f:2: ports: no port has role lan"},
		{TOP "ports:\n" LAN, "f:2: ports: no port has role wan"},
		{TOP "ports:\n" WAN, "f:2: ports: no port has role lan"},
		{TOP "ports: 5\n", "f:2: "},
		{TOP "ports:\n" LAN "- role: wan\n", "f:4: ports[1].name: a name is required"},
		{TOP "ports:\n" LAN LAN, "f:4: ports[1].name: 'lan0' is already the name"},
		{PORT(""), "f:4: ports[1].role: required: lan or wan"},
		{PORT("  role: wan\n"), "f:4: ports[1].mode: required: xdp, packet or ethdev"},
		{PORT("  role: dmz\n  mode: xdp\n"),
		 "f:5: ports[1].role: 'dmz' is not one of: lan, wan"},
		{PORT("  role: wan\n  mode: dpdk\n"),
		 "f:6: ports[1].mode: 'dpdk' is not one of: xdp, packet, ethdev"},
		{PORT("  role: wan\n  mode: xdp\n"),
		 "f:4: ports[1].interface: mode xdp needs the name of a kernel interface"},
		{PORT("  role: wan\n  mode: packet\n  interface: ''\n"),
		 "f:7: ports[1].interface: '' is not an interface name"},
		{PORT("  role: wan\n  mode: packet\n  interface: a234567890123456\n"),
		 "f:7: ports[1].interface: 'a234567890123456' is not an interface name"},
		{PORT("  role: wan\n  mode: packet\n  interface: a/b\n"),
		 "f:7: ports[1].interface: 'a/b' is not an interface name"},
		{PORT("  role: wan\n  mode: xdp\n  interface: eth0\n"),
		 "f:7: ports[1].interface: 'eth0' is already used by port lan0"},
		{PORT("  role: wan\n  mode: xdp\n  interface: eth1\n  mtu: 9000\n"),
		 "f:8: ports[1].mtu: mode xdp takes the interface's MTU"},
		{PORT("  role: wan\n  mode: xdp\n  interface: eth1\n  device: x\n"),
		 "f:8: ports[1].device: mode xdp takes 'interface' only"},
		{PORT("  role: wan\n  mode: xdp\n  interface: eth1\n  exception: x\n"),
		 "f:8: ports[1].exception: only mode ethdev"},
		{PORT("  role: wan\n  mode: ethdev\n"), "f:4: ports[1].device: mode ethdev needs"},
		{PORT("  role: wan\n  mode: ethdev\n  device: x\n  interface: eth1\n"),
		 "f:8: ports[1].interface: mode ethdev takes 'device'"},
		{PORT("  role: wan\n  mode: ethdev\n  device: x\n  mtu: 1279\n"),
		 "f:8: ports[1].mtu: '1279' is not a whole number from 1280 to 9600"},
		{PORT("  role: wan\n  mode: ethdev\n  device: 'x y'\n"),
		 "f:7: ports[1].device: devargs have no blanks"},
		{PORT("  role: wan\n  mode: ethdev\n  device: x\n  exception: eth0\n"),
		 "f:8: ports[1].exception: 'eth0' is already used by port lan0"},
		{PORT("  role: wan\n  mode: ethdev\n  device: x\n"
		      "- {name: p2, role: wan, mode: ethdev, device: x}\n"),
		 "f:8: ports[2].device: 'x' is already used by port p1"},
		{PORT("  role: wan\n  mode: xdp\n  colour: 1\n"), "f:7: unknown key 'colour'"},
		{PORT("  role: wan\n  mode: xdp\n  speed: 1G\n"),
		 "f:7: ports[1].speed: only lan ports have one"},
		{PORT("  role: wan\n  mode: xdp\n  pfc: {}\n"),
		 "f:7: ports[1].pfc: only lan ports have it"},
		{PORT("  role: lan\n  mode: xdp\n  speed: fast\n"),
		 "f:7: ports[1].speed: 'fast' is not a rate"},
		{PORT("  role: lan\n  mode: xdp\n  speed: 1T\n"),
		 "f:7: ports[1].speed: '1T' is not between 1M and 400G"},
		{PORT("  role: lan\n  mode: xdp\n  pfc:\n    bulk: 8\n"),
		 "f:8: ports[1].pfc.bulk: '8' is neither a priority"},
		{PORT("  role: lan\n  mode: xdp\n  pfc:\n    lossless: off\n"),
		 "f:8: ports[1].pfc.lossless: 'off' is neither a priority"},
		{PORT("  role: lan\n  mode: xdp\n  pfc:\n    scavenger: 1\n"),
		 "f:8: unknown key 'scavenger'"},
		{PORT("  role: lan\n  mode: xdp\n  pfc: on\n"), "f:7: "},
		{PORT("  role: wan\n  role: lan\n"), "f:6: duplicate key 'role'"},
		{TOP "ports:\n- {name: a-very-long-port, role: lan, mode: ethdev, device: x}\n",
		 "f:3: ports[0].name: too long to name the exception port too"},
	};

	(void)state;
	CHECK_BAD(cases);
}

static void parse__too_many_ports(void **state)
{
	char text[4096] = TOP "ports:\n", error[200];
	struct gateway_config config;

	(void)state;
	for (int i = 0; i < CONFIG_PORTS_MAX + 1; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "- {name: p%d, role: lan, mode: xdp, interface: e%d}\n", i, i);
	assert_int_equal(parse(text, &config, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "f:2: ports: 17 ports; at most 16");
}

static void load__file(void **state)
{
	char path[] = "config_XXXXXX", error[200], wanted[80];
	struct gateway_config config;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, whole, strlen(whole)), strlen(whole));
	assert_int_equal(config_load(path, &config, error, sizeof(error)), 0);
	check_whole(&config);
	config_free(&config);
	assert_int_equal(write(fd, "name: again\n", 12), 12);
	assert_int_equal(config_load(path, &config, error, sizeof(error)), -EINVAL);
	snprintf(wanted, sizeof(wanted), "%s:32: duplicate key 'name'", path);
	assert_memory_equal(error, wanted, strlen(wanted));
	close(fd);
	unlink(path);
	assert_int_equal(config_load(path, &config, error, sizeof(error)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__every_key),   cmocka_unit_test(parse__defaults),
		cmocka_unit_test(parse__tls),	      cmocka_unit_test(parse__pfc_defaults),
		cmocka_unit_test(print__parses_back), cmocka_unit_test(parse__bad_top),
		cmocka_unit_test(parse__bad_ports),   cmocka_unit_test(parse__too_many_ports),
		cmocka_unit_test(load__file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
