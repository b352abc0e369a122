#include "store_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHADOWS_MAX 8
#define OPS_MAX	    4096
#define SECTOR	    512

struct op {
	uint64_t offset;
	size_t len; /* 0: truncation to offset */
	uint8_t *data;
};

/* What the disk surely has of one file, and what was done since. */
struct shadow {
	char path[256];
	uint8_t *synced;
	size_t len;
	struct op ops[OPS_MAX];
	uint32_t op_count;
};

struct file {
	sqlite3_file base;
	struct shadow *shadow; /* NULL: a temporary file */
	sqlite3_file *real;
};

static sqlite3_vfs vfs, *real_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shadow shadows[SHADOWS_MAX];
static enum store_fault armed;
static uint32_t armed_at, count;
static uint64_t random_state;

static uint32_t roll(uint32_t sides)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % sides;
}

static sqlite3_file *real_of(sqlite3_file *base)
{
	return ((struct file *)base)->real;
}

static void shadow_forget_ops(struct shadow *shadow)
{
	for (uint32_t i = 0; i < shadow->op_count; i++)
		free(shadow->ops[i].data);
	shadow->op_count = 0;
}

static void shadow_sync(struct shadow *shadow)
{
	int fd = open(shadow->path, O_RDONLY | O_CLOEXEC);
	struct stat info;

	shadow_forget_ops(shadow);
	free(shadow->synced);
	shadow->synced = NULL;
	shadow->len = 0;
	if (fd < 0)
		return;
	if (!fstat(fd, &info) && info.st_size) {
		shadow->synced = malloc((size_t)info.st_size);
		if (shadow->synced &&
		    pread(fd, shadow->synced, (size_t)info.st_size, 0) == info.st_size)
			shadow->len = (size_t)info.st_size;
	}
	close(fd);
}

static struct shadow *shadow_get(const char *path)
{
	struct shadow *found = NULL;

	for (int i = 0; i < SHADOWS_MAX && !found; i++) {
		if (!strcmp(shadows[i].path, path))
			return &shadows[i];
		if (!shadows[i].path[0])
			found = &shadows[i];
	}
	if (!found)
		abort();
	snprintf(found->path, sizeof(found->path), "%s", path);
	shadow_sync(found);
	return found;
}

static void shadow_add(struct shadow *shadow, const void *data, size_t len, uint64_t offset)
{
	struct op *op;

	if (shadow->op_count == OPS_MAX)
		abort();
	op = &shadow->ops[shadow->op_count++];
	*op = (struct op){.offset = offset, .len = len};
	if (!len)
		return;
	op->data = malloc(len);
	memcpy(op->data, data, len);
}

/* A write of several sectors may be cut anywhere between them. */
static void op_keep(int fd, const struct op *op)
{
	size_t len = op->len;
	ssize_t done;

	if (!len) {
		done = ftruncate(fd, (off_t)op->offset);
	} else {
		if (len > SECTOR && !roll(4))
			len = SECTOR * (1 + roll((uint32_t)(len / SECTOR)));
		done = pwrite(fd, op->data, len, (off_t)op->offset);
	}
	(void)done;
}

static void power_off(struct shadow *shadow)
{
	int fd = open(shadow->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t done = pwrite(fd, shadow->synced, shadow->len, 0);

	(void)done;
	for (uint32_t i = 0; i < shadow->op_count; i++) {
		if (armed == FAULT_POWER && roll(2))
			op_keep(fd, &shadow->ops[i]);
	}
	close(fd);
}

static void die(void)
{
	if (armed == FAULT_KILL)
		_exit(STORE_VFS_EXIT);
	for (int i = 0; i < SHADOWS_MAX; i++) {
		char shm[300];

		if (!shadows[i].path[0] || access(shadows[i].path, F_OK))
			continue;
		power_off(&shadows[i]);
		snprintf(shm, sizeof(shm), "%.255s-shm", shadows[i].path);
		unlink(shm);
	}
	_exit(STORE_VFS_EXIT);
}

/* Under the lock: SQLITE_OK, or what this operation shall fail with. May not return. */
static int next_op(bool is_sync)
{
	bool is_now = ++count == armed_at, is_past = count > armed_at;

	switch (armed) {
	case FAULT_NONE:
		return SQLITE_OK;
	case FAULT_IO_ONCE:
		is_past = false;
		/* fallthrough */
	case FAULT_IO_FOREVER:
		if (is_now || is_past)
			return is_sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
		return SQLITE_OK;
	case FAULT_FULL:
		return (is_now || is_past) && !is_sync ? SQLITE_FULL : SQLITE_OK;
	default:
		if (is_now)
			die();
		return SQLITE_OK;
	}
}

static int file_close(sqlite3_file *base)
{
	struct file *file = (struct file *)base;
	int code = file->real->pMethods ? file->real->pMethods->xClose(file->real) : SQLITE_OK;

	free(file->real);
	return code;
}

static int file_read(sqlite3_file *base, void *data, int len, sqlite3_int64 offset)
{
	return real_of(base)->pMethods->xRead(real_of(base), data, len, offset);
}

static int file_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 offset)
{
	struct file *file = (struct file *)base;
	int code;

	pthread_mutex_lock(&lock);
	code = file->shadow ? next_op(false) : SQLITE_OK;
	if (!code)
		code = file->real->pMethods->xWrite(file->real, data, len, offset);
	if (!code && file->shadow)
		shadow_add(file->shadow, data, (size_t)len, (uint64_t)offset);
	pthread_mutex_unlock(&lock);
	return code;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = (struct file *)base;
	int code;

	pthread_mutex_lock(&lock);
	code = file->shadow ? next_op(false) : SQLITE_OK;
	if (!code)
		code = file->real->pMethods->xTruncate(file->real, size);
	if (!code && file->shadow)
		shadow_add(file->shadow, NULL, 0, (uint64_t)size);
	pthread_mutex_unlock(&lock);
	return code;
}

/* The real one is left out: power only goes here. */
static int file_sync(sqlite3_file *base, int flags)
{
	struct file *file = (struct file *)base;
	int code;

	(void)flags;
	pthread_mutex_lock(&lock);
	code = file->shadow ? next_op(true) : SQLITE_OK;
	if (!code && file->shadow)
		shadow_sync(file->shadow);
	pthread_mutex_unlock(&lock);
	return code;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	return real_of(base)->pMethods->xFileSize(real_of(base), size);
}

static int file_lock(sqlite3_file *base, int level)
{
	return real_of(base)->pMethods->xLock(real_of(base), level);
}

static int file_unlock(sqlite3_file *base, int level)
{
	return real_of(base)->pMethods->xUnlock(real_of(base), level);
}

static int file_check_lock(sqlite3_file *base, int *is_locked)
{
	return real_of(base)->pMethods->xCheckReservedLock(real_of(base), is_locked);
}

static int file_control(sqlite3_file *base, int what, void *arg)
{
	return real_of(base)->pMethods->xFileControl(real_of(base), what, arg);
}

static int file_sector_size(sqlite3_file *base)
{
	(void)base;
	return SECTOR;
}

/* No promise at all: writes may be torn and in any order. */
static int file_traits(sqlite3_file *base)
{
	(void)base;
	return 0;
}

static int file_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **at)
{
	return real_of(base)->pMethods->xShmMap(real_of(base), page, size, extend, at);
}

static int file_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	return real_of(base)->pMethods->xShmLock(real_of(base), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *base)
{
	real_of(base)->pMethods->xShmBarrier(real_of(base));
}

static int file_shm_unmap(sqlite3_file *base, int is_delete)
{
	return real_of(base)->pMethods->xShmUnmap(real_of(base), is_delete);
}

static sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *own, const char *path, sqlite3_file *base, int flags,
		    int *out_flags)
{
	struct file *file = (struct file *)base;
	int kept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
	int code;

	(void)own;
	file->real = calloc(1, (size_t)real_vfs->szOsFile);
	if (!file->real)
		return SQLITE_NOMEM;
	code = real_vfs->xOpen(real_vfs, path, file->real, flags, out_flags);
	file->base.pMethods = code ? NULL : &methods;
	if (code) {
		free(file->real);
	} else if (path && flags & kept) {
		pthread_mutex_lock(&lock);
		file->shadow = shadow_get(path);
		pthread_mutex_unlock(&lock);
	}
	return code;
}

/* Taken as durable at once. */
static int vfs_delete(sqlite3_vfs *own, const char *path, int is_synced)
{
	(void)own;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < SHADOWS_MAX; i++) {
		if (strcmp(shadows[i].path, path) != 0)
			continue;
		shadow_forget_ops(&shadows[i]);
		shadows[i].len = 0;
	}
	pthread_mutex_unlock(&lock);
	return real_vfs->xDelete(real_vfs, path, is_synced);
}

static void shadows_clear(void)
{
	for (int i = 0; i < SHADOWS_MAX; i++) {
		shadow_forget_ops(&shadows[i]);
		free(shadows[i].synced);
		shadows[i].synced = NULL;
		shadows[i].len = 0;
		shadows[i].path[0] = 0;
	}
}

void store_vfs_arm(enum store_fault fault, uint32_t at, uint64_t seed)
{
	if (!real_vfs) {
		real_vfs = sqlite3_vfs_find("unix");
		vfs = *real_vfs;
		vfs.zName = STORE_VFS;
		vfs.szOsFile = sizeof(struct file);
		vfs.xOpen = vfs_open;
		vfs.xDelete = vfs_delete;
		vfs.pNext = NULL;
		sqlite3_vfs_register(&vfs, 0);
	}
	pthread_mutex_lock(&lock);
	shadows_clear();
	armed = fault;
	armed_at = at;
	count = 0;
	random_state = seed * 0x9e3779b97f4a7c15ull + 1;
	pthread_mutex_unlock(&lock);
}

uint32_t store_vfs_count(void)
{
	uint32_t now;

	pthread_mutex_lock(&lock);
	now = count;
	pthread_mutex_unlock(&lock);
	return now;
}
