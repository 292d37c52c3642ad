/*
 * The admin's token: a secret that lies in a file of its own, so that it is in no config, no
 * argument and no environment. Part of the loader.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/config_set.h"

/* Shorter ones can be guessed. */
#define TOKEN_LEAST 16
#define TOKEN_MOST 512

static enum err
read_file(const char *path, char *bytes, size_t *size, const char **why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    ssize_t got = -1;
    enum err err;

    if (fd == -1 || fstat(fd, &status) == -1) {
        err = err_from_errno(errno);
        *why = err_text(err);
    } else if (!S_ISREG(status.st_mode)) {
        err = ERR_SYNTAX;
        *why = "this is no plain file";
    } else if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        err = ERR_PERMISSION;
        *why = "everybody may read or write it";
    } else {
        got = read(fd, bytes, *size);
        err = got == -1 ? err_from_errno(errno) : ERR_OK;
        *why = err_text(err);
    }
    if (fd != -1)
        close(fd);
    if (err == ERR_OK)
        *size = got > 0 ? (size_t)got : 0;
    return err;
}

/* What an Authorization field can carry without quoting: visible bytes. */
static bool
is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f)
            return false;
    return text.size >= TOKEN_LEAST && text.size <= TOKEN_MOST;
}

enum err
config_read_token(struct config *config, struct complaint *complaint)
{
    const char *path = config->admin_token_file;
    char bytes[TOKEN_MOST + 8] = "";
    size_t size = sizeof(bytes);
    struct slice token = {bytes, 0};
    const char *why;
    enum err err;

    if (path[0] == '\0')
        return ERR_OK;
    err = read_file(path, bytes, &size, &why);
    if (err == ERR_OK) {
        token.size = size;
        while (token.size > 0 &&
               (bytes[token.size - 1] == '\n' || bytes[token.size - 1] == '\r'))
            token.size--;
        if (is_token(token))
            bytes[token.size] = '\0';
        else
            err = ERR_SYNTAX;
        why = "it is not one line of 16 to 512 visible characters";
    }
    if (err == ERR_OK)
        config->admin_token = xstrdup(bytes);
    explicit_bzero(bytes, sizeof(bytes));
    if (err == ERR_OK)
        return ERR_OK;
    complain(complaint,
             "%s: admin.token_file: %s: %s; expected a secret in a file of mode 0600",
             config->given_at[SETTING_admin_token_file], path, why);
    return ERR_SYNTAX;
}
