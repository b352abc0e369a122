#include "dataplane/dpdk/eal.h"

#include <errno.h>
#include <stdarg.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#define EAL_ARGS_MAX 64

struct arguments {
	char *argv[EAL_ARGS_MAX];
	int argc;
};

static FILE *log_stream;

__attribute__((format(printf, 2, 3))) static void argument_add(struct arguments *args,
							       const char *format, ...)
{
	va_list list;
	va_start(list, format);
	if (args->argc < EAL_ARGS_MAX - 1 && vasprintf(&args->argv[args->argc], format, list) > 0)
		args->argc++;
	va_end(list);
}

static void arguments_free(struct arguments *args)
{
	for (int i = 0; i < args->argc; i++)
		free(args->argv[i]);
}

int eal_device_is_pci(const char *device)
{
	unsigned int domain, bus, slot, function;

	return sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4 ||
	       sscanf(device, "%x:%x.%x", &bus, &slot, &function) == 3;
}

static uint64_t read_number(const char *path)
{
	unsigned long long value = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

/* Free huge pages of all sizes, in bytes. */
static uint64_t huge_bytes_free(void)
{
	uint64_t total = 0;
	glob_t found;

	if (glob("/sys/kernel/mm/hugepages/hugepages-*kB", 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char path[256];
		unsigned long long kib;

		if (sscanf(strrchr(found.gl_pathv[i], '/'), "/hugepages-%llukB", &kib) != 1)
			continue;
		snprintf(path, sizeof(path), "%s/free_hugepages", found.gl_pathv[i]);
		total += kib * 1024 * read_number(path);
	}
	globfree(&found);
	return total;
}

static int memory_check(const struct eal_config *config, char *error, size_t size)
{
	uint64_t free_bytes;

	if (!config->huge_pages)
		return 0;
	free_bytes = huge_bytes_free();
	if (free_bytes >= config->memory_bytes)
		return 0;
	snprintf(
		error, size,
		"%llu MiB of huge pages are free and memory.size asks for %llu MiB: run 'sysctl -w "
		"vm.nr_hugepages=%llu' or set memory.huge_pages to none",
		(unsigned long long)(free_bytes >> 20),
		(unsigned long long)(config->memory_bytes >> 20),
		(unsigned long long)((config->memory_bytes - free_bytes + (2 << 20) - 1) >> 21) +
			(unsigned long long)read_number("/proc/sys/vm/nr_hugepages"));
	return -ENOMEM;
}

/* "0@(0,1),1@2,2@3": the agent and unpinned workers float over the CPUs the process was given. */
static void lcores_format(const struct eal_config *config, char *text, size_t size)
{
	char allowed[512] = "";
	size_t used = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE && used < sizeof(allowed) - 8; cpu++)
		if (CPU_ISSET(cpu, &set))
			used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%d",
						 used ? "," : "", cpu);
	used = (size_t)snprintf(text, size, "0@(%s)", allowed);
	for (uint32_t i = 0; i < config->workers && used < size; i++) {
		if (config->cpus)
			used += (size_t)snprintf(text + used, size - used, ",%u@%u", i + 1,
						 config->cpus[i]);
		else
			used += (size_t)snprintf(text + used, size - used, ",%u@(%s)", i + 1,
						 allowed);
	}
}

static void arguments_fill(struct arguments *args, const struct eal_config *config)
{
	char lcores[8192];

	lcores_format(config, lcores, sizeof(lcores));
	argument_add(args, "causeway-gateway");
	argument_add(args, "--lcores=%s", lcores);
	argument_add(args, "--main-lcore=0");
	argument_add(args, "--no-telemetry");
	argument_add(args, "--log-level=lib.eal:warning");
	if (config->huge_pages) {
		argument_add(args, "--in-memory");
	} else {
		argument_add(args, "--no-huge");
		argument_add(args, "--no-shconf");
		argument_add(args, "-m");
		argument_add(args, "%llu", (unsigned long long)(config->memory_bytes >> 20));
	}
	if (!config->pci_count) {
		/* Contiguous virtual memory is what AF_XDP needs of a pool; no device does DMA. */
		argument_add(args, "--no-pci");
		argument_add(args, "--iova-mode=va");
	}
	for (uint32_t i = 0; i < config->pci_count; i++) {
		argument_add(args, "-a");
		argument_add(args, "%s", config->pci[i]);
	}
}

/* The last line DPDK logged, as the reason. */
static void log_tail(const char *path, char *text, size_t size)
{
	char line[256];
	FILE *file = fopen(path, "re");

	snprintf(text, size, "no reason given");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "EAL: ", 5)) {
			line[strcspn(line, "\n")] = 0;
			snprintf(text, size, "%s", line + 5);
		}
	fclose(file);
}

/* rte_eal_init prints its usage to stdout when it fails; that belongs into the log too. */
static int eal_init_quietly(struct arguments *args)
{
	int saved = dup(STDOUT_FILENO);
	int ret;

	fflush(stdout);
	dup2(fileno(log_stream), STDOUT_FILENO);
	ret = rte_eal_init(args->argc, args->argv);
	fflush(stdout);
	if (saved >= 0) {
		dup2(saved, STDOUT_FILENO);
		close(saved);
	}
	return ret < 0 ? -rte_errno : 0;
}

int eal_start(const struct eal_config *config, char *error, size_t size)
{
	struct arguments args = {.argc = 0};
	char reason[256];
	int ret = memory_check(config, error, size);

	if (ret)
		return ret;
	log_stream = fopen(config->log_path, "we");
	if (!log_stream) {
		snprintf(error, size, "%s: %s", config->log_path, strerror(errno));
		return -errno;
	}
	setvbuf(log_stream, NULL, _IOLBF, 0);
	rte_openlog_stream(log_stream);
	arguments_fill(&args, config);
	ret = eal_init_quietly(&args);
	/* DPDK keeps pointers into argv for its process name; the strings live as long as we do. */
	if (!ret)
		return 0;
	arguments_free(&args);
	log_tail(config->log_path, reason, sizeof(reason));
	snprintf(error, size, "DPDK did not start: %s (its log: %s)", reason, config->log_path);
	return ret;
}

void eal_stop(void)
{
	rte_eal_cleanup();
	rte_openlog_stream(NULL);
	if (log_stream)
		fclose(log_stream);
	log_stream = NULL;
}
