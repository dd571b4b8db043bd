/* Small files that hold one number (storage-format 1.6). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/dirs.h"
#include "server/store/io.h"
#include "server/store/names.h"

enum { EPOCH_TEXT_MAX = 24 };

/* The first line as a decimal number. -EBADMSG for anything else. */
static int parse(const char *text, int64_t *ret)
{
    const char *p = text + (text[0] == '-' ? 1 : 0);
    size_t digits = strspn(p, "0123456789");
    char *end;

    if (digits == 0 || (p[digits] != '\0' && p[digits] != '\n' && p[digits] != '\r'))
        return -EBADMSG;
    errno = 0;

    long long v = strtoll(text, &end, 10);

    if (errno != 0)
        return -EBADMSG;
    *ret = v;
    return 0;
}

int epoch_read(const char *dir, const char *name, int64_t *ret)
{
    char text[EPOCH_TEXT_MAX + 1] = { 0 };
    char *path = store_join(dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;

    free(path);
    if (fd < 0)
        return r;

    ssize_t n = io_pread(fd, text, EPOCH_TEXT_MAX, 0);

    (void)close(fd);
    return n < 0 ? (int)n : parse(text, ret);
}

static int write_temp(const char *path, int64_t value)
{
    char text[EPOCH_TEXT_MAX];
    int len = snprintf(text, sizeof text, "%" PRId64, value);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = io_pwrite(fd, text, (size_t)len, 0);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

int epoch_write(const char *dir, const char *name, int64_t value)
{
    char *path = store_join(dir, name);
    size_t len = strlen(path);
    char *temp = malloc(len + sizeof ".tmp");
    int r = temp != NULL ? 0 : -ENOMEM;

    if (r == 0) {
        memcpy(temp, path, len);
        memcpy(temp + len, ".tmp", sizeof ".tmp");
        r = write_temp(temp, value);
    }
    if (r == 0 && rename(temp, path) < 0)
        r = -errno;
    if (r == 0)
        r = fsync_dir(dir);
    free(temp);
    free(path);
    return r;
}
