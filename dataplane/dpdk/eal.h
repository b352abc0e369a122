/*
 * Start and stop of DPDK's environment: arguments built from our configuration, its chatter kept in
 * a log file of its own, and the checks that let us say in one line what is missing. Main thread
 * only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct eal_config {
	uint32_t workers;
	const uint16_t *cpus; /* one for each worker, or NULL: wherever the process may run */
	uint64_t memory_bytes;
	int huge_pages;		/* 0: ordinary memory */
	const char *log_path;	/* receives what DPDK prints */
	const char *const *pci; /* PCI devices to allow; others are left alone */
	uint32_t pci_count;
};

/*
 * 0, or -errno with one line in `error` that says what to do. Worker i runs on lcore i + 1; the
 * calling thread is lcore 0. Once in a process's life.
 */
int eal_start(const struct eal_config *config, char *error, size_t size);
void eal_stop(void);

/* Is text a PCI address as devargs take it ("0000:65:00.0", "65:00.0,opt=1")? */
int eal_device_is_pci(const char *device);
