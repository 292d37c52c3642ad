#ifndef CARPOOL_PROXY_POLICY_HTPASSWD_H
#define CARPOOL_PROXY_POLICY_HTPASSWD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/file_stamp.h"
#include "base/slice.h"

/* Longest name and password that anybody can have; crypt(3) takes no longer passwords. */
#define HTPASSWD_NAME_MOST 255
#define HTPASSWD_PASSWORD_MOST 511

struct crypt_data;

/*
 * Users and their hashed passwords, from a file such as "htpasswd -B" makes. Immutable once
 * loaded; references are counted atomically, so that any thread may hold one.
 */
struct htpasswd;

/*
 * Reads lines of user:hash, where "#" begins a comment and a further ":" ends the hash. bcrypt,
 * SHA-512, SHA-256 and yescrypt are taken; what is quickly guessed (MD5, SHA-1, DES, plain
 * text), what would take seconds to check, and whatever is not well formed is refused. On
 * failure why says in one line where and what, but never shows a hash. Blocks on the file.
 */
enum err htpasswd_load(const char *path, struct htpasswd **users, char *why, size_t why_size);

struct htpasswd *htpasswd_ref(struct htpasswd *users);
void htpasswd_unref(struct htpasswd *users); /* NULL is fine */

/* What the file looked like when it was read. */
const struct file_stamp *htpasswd_stamp(const struct htpasswd *users);

size_t htpasswd_count(const struct htpasswd *users);

/* Does anybody have this name? How long that takes tells, so it is for operators only. */
bool htpasswd_has(const struct htpasswd *users, struct slice name);

/*
 * Is it this user's password? Takes up to seconds, and for a name that nobody has as long as
 * for one that somebody has. scratch is the caller's and wiped afterwards. Any thread, but no
 * worker.
 */
bool htpasswd_check(const struct htpasswd *users, struct slice name, const char *password,
                    struct crypt_data *scratch);

#endif
