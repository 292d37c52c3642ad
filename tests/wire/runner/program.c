/* Processes of a conversation: carpool itself and the scripted DNS server. */
#include "tests/wire/runner/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/wire/runner/peer.h"

#define MOST_ARGUMENTS 200

static void
run_child(const int *pipes, char *const *argv)
{
    /* stdin stays open as long as the runner lives; the DNS server ends with it */
    dup2(pipes[0], STDIN_FILENO);
    dup2(pipes[3], STDOUT_FILENO);
    dup2(pipes[5], STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    execv(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void
program_start(struct world *world, struct program *program, char *const *argv)
{
    int pipes[6];

    for (size_t i = 0; i < 6; i += 2)
        if (pipe2(&pipes[i], O_CLOEXEC) == -1)
            world_fail(world, "pipe: %s", strerror(errno));
    program->pid = fork();
    if (program->pid == -1)
        world_fail(world, "fork: %s", strerror(errno));
    if (program->pid == 0)
        run_child(pipes, argv);
    close(pipes[0]);
    close(pipes[3]);
    close(pipes[5]);
    program->in = pipes[1];
    program->out = pipes[2];
    program->err = pipes[4];
}

static void
read_pipe(int *fd, struct bytes *text)
{
    ssize_t got = read(*fd, bytes_reserve(text, 4096), 4096);

    if (got > 0) {
        text->size += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
        close(*fd);
        *fd = -1;
    }
}

void
program_read(struct program *program, bool out, bool err)
{
    if (out)
        read_pipe(&program->out, &program->out_text);
    if (err)
        read_pipe(&program->err, &program->err_text);
}

void
program_fail(struct world *world, struct program *program, const char *what)
{
    program_reap(program);
    if (WIFSIGNALED(program->status))
        world_fail(world, "%s: signal %d", what, WTERMSIG(program->status));
    world_fail(world, "%s: exit status %d", what, WEXITSTATUS(program->status));
}

void
program_reap(struct program *program)
{
    int status;

    if (program->pid > 0 && waitpid(program->pid, &status, 0) == program->pid)
        program->status = status;
    program->pid = 0;
}

void
program_kill(struct program *program)
{
    if (program->pid > 0) {
        kill(program->pid, SIGKILL);
        program_reap(program);
    }
    if (program->in != -1)
        close(program->in);
    if (program->out != -1)
        close(program->out);
    if (program->err != -1)
        close(program->err);
    program->in = program->out = program->err = -1;
    bytes_free(&program->out_text);
    bytes_free(&program->err_text);
}

static bool
has_line(const struct bytes *text)
{
    return text->size > 0 && memchr(text->data, '\n', text->size) != NULL;
}

/* The first line that a program says on stdout, without its line feed. */
static char *
wait_for_line(struct world *world, struct program *program, const char *failure)
{
    while (!has_line(&program->out_text)) {
        if (program->out == -1)
            program_fail(world, program, failure);
        if (world_turn(world, -1, WORLD_DEADLINE) == TURN_LATE)
            world_fail(world, "%s in time", failure);
    }
    return strndup((char *)program->out_text.data,
                   strcspn((char *)program->out_text.data, "\n"));
}

static void
write_file(struct world *world, const char *name, const struct bytes *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", world->folder, name);
    file = fopen(path, "we");
    if (file == NULL || fwrite(text->data, 1, text->size, file) != text->size ||
        fclose(file) != 0)
        world_fail(world, "%s: %s", path, strerror(errno));
}

void
program_write_config(struct world *world)
{
    write_file(world, "carpool.conf", &world->config);
}

void
program_write_users(struct world *world)
{
    write_file(world, "users", &world->users);
}

static void
add_setting(struct world *world, const char *format, const char *value)
{
    char text[512];

    snprintf(text, sizeof(text), format, value);
    bytes_add(&world->presets, text, strlen(text) + 1);
}

/* The names of origins are in a hosts file, unless the conversation's DNS knows them. */
static void
write_hosts(struct world *world)
{
    struct bytes text = {0};
    char path[128];
    struct origin *origin;

    TAILQ_FOREACH (origin, &world->origins, all) {
        char name[100];
        char line[300];
        char *colon;

        snprintf(name, sizeof(name), "%s_address", origin->name);
        snprintf(line, sizeof(line), "%s",
                 variables_find(&world->variables, name, strlen(name)));
        colon = strrchr(line, ':');
        snprintf(name, sizeof(name), "%s.test ", origin->name);
        if (world->zone.size > 0 &&
            memmem(world->zone.data, world->zone.size, name, strlen(name)) != NULL)
            continue;
        /* [::1]:80 → ::1 */
        if (line[0] == '[')
            colon--;
        bytes_add(&text, line + (line[0] == '['), (size_t)(colon - line) - (line[0] == '['));
        bytes_add(&text, " ", 1);
        bytes_add(&text, name, strlen(name));
        bytes_add(&text, "\n", 1);
    }
    bytes_add(&text, "# end\n", 6);
    write_file(world, "hosts", &text);
    bytes_free(&text);
    snprintf(path, sizeof(path), "%s/hosts", world->folder);
    add_setting(world, "dns.hosts_file=%s", path);
}

static void
write_users(struct world *world)
{
    char path[128];

    if (world->users.size == 0)
        return;
    program_write_users(world);
    snprintf(path, sizeof(path), "%s/users", world->folder);
    variables_set(&world->variables, "users", path);
    add_setting(world, "auth.users_file=%s", path);
}

static void
start_dns(struct world *world)
{
    static const char ready[] = "ready ";
    char zone[128];
    char *argv[] = {(char *)world->dns_path, (char *)"--zone", zone, NULL};
    char *line;

    snprintf(zone, sizeof(zone), "%s/zone", world->folder);
    write_file(world, "zone", &world->zone);
    program_start(world, &world->dns, argv);
    line = wait_for_line(world, &world->dns, "the DNS server did not get ready");
    if (strncmp(line, ready, sizeof(ready) - 1) != 0)
        world_fail(world, "the DNS server says \"%s\"", line);
    variables_set(&world->variables, "dns", line + sizeof(ready) - 1);
    add_setting(world, "dns.servers=%s", line + sizeof(ready) - 1);
    free(line);
}

/* NAME, NAME_port from "http://ADDR:PORT" in the ready line. A wildcard is called by loopback.
 */
static void
set_url(struct world *world, const char *name, const char *url)
{
    static const char scheme[] = "http://";
    const char *port = strrchr(url, ':');
    char value[200];
    char port_name[32];

    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0 || port == url + 4)
        world_fail(world, "\"%s\" is not the URL of a listener", url);
    url += sizeof(scheme) - 1;
    if (strncmp(url, "0.0.0.0:", 8) == 0)
        snprintf(value, sizeof(value), "127.0.0.1%s", port);
    else if (strncmp(url, "[::]:", 5) == 0)
        snprintf(value, sizeof(value), "[::1]%s", port);
    else
        snprintf(value, sizeof(value), "%s", url);
    variables_set(&world->variables, name, value);
    snprintf(port_name, sizeof(port_name), "%s_port", name);
    variables_set(&world->variables, port_name, port + 1);
}

/* "carpool 0.1.0 ready: proxy http://A:P … admin http://A:P workers N" */
static void
read_ready_line(struct world *world, char *line)
{
    static const char *const names[] = {"proxy", "proxy2", "proxy3", "proxy4"};
    char *rest = strstr(line, " ready: proxy ");
    size_t listeners = 0;
    char *word;

    if (strncmp(line, "carpool ", 8) != 0 || rest == NULL)
        world_fail(world, "carpool says \"%s\"", line);
    rest += strlen(" ready: proxy ");
    while ((word = strsep(&rest, " ")) != NULL && strcmp(word, "admin") != 0)
        if (listeners < sizeof(names) / sizeof(names[0]))
            set_url(world, names[listeners++], word);
    word = strsep(&rest, " ");
    if (word != NULL && strcmp(word, "off") != 0)
        set_url(world, "admin", word);
}

/* "name" and each NUL-ended text of list as arguments. */
static size_t
add_arguments(char **argv, size_t count, const char *name, const struct bytes *list)
{
    for (size_t at = 0; at < list->size && count + 2 < MOST_ARGUMENTS;) {
        argv[count++] = (char *)name;
        argv[count++] = (char *)list->data + at;
        at += strlen((char *)list->data + at) + 1;
    }
    return count;
}

void
carpool_start(struct world *world)
{
    char *argv[MOST_ARGUMENTS + 1] = {(char *)world->carpool_path, (char *)"--workers"};
    char workers[16];
    char config[128];
    char log[128];
    size_t count = 3;
    char *line;

    if (world->may_end)
        world_fail(world, "carpool has ended");
    snprintf(world->folder, sizeof(world->folder), "/tmp/carpool-wire.XXXXXX");
    if (mkdtemp(world->folder) == NULL)
        world_fail(world, "%s: %s", world->folder, strerror(errno));
    if (world->listeners.size == 0)
        bytes_add(&world->listeners, "127.0.0.1:0", sizeof("127.0.0.1:0"));
    write_hosts(world);
    write_users(world);
    if (world->zone.size > 0)
        start_dns(world);
    else /* nobody is there: a name that is in no hosts file fails at once */
        add_setting(world, "dns.servers=%s", "127.0.0.1:1");
    snprintf(log, sizeof(log), "%s/access.log", world->folder);
    add_setting(world, "log.access=%s", log);
    /* The names of a conversation's DNS lead to origins on loopback, unless it says otherwise.
     */
    if (world->config.size == 0 ||
        memmem(world->config.data, world->config.size, "dns_to_loopback", 15) == NULL)
        add_setting(world, "access.dns_to_loopback=%s", "on");
    snprintf(workers, sizeof(workers), "%u", world->workers);
    argv[2] = workers;
    if (world->has_config) {
        snprintf(config, sizeof(config), "%s/carpool.conf", world->folder);
        program_write_config(world);
        argv[count++] = (char *)"--config";
        argv[count++] = config;
    }
    argv[count++] = (char *)"--admin";
    argv[count++] = (char *)"127.0.0.1:0";
    count = add_arguments(argv, count, "--listen", &world->listeners);
    count = add_arguments(argv, count, "--set", &world->presets);
    count = add_arguments(argv, count, "--set", &world->settings);
    argv[count] = NULL;
    program_start(world, &world->carpool, argv);
    line = wait_for_line(world, &world->carpool, "carpool did not get ready");
    read_ready_line(world, line);
    free(line);
    world->is_running = true;
}

void
program_linger(struct program *program)
{
    struct timespec moment = {.tv_nsec = 50000000};

    /* a sanitizer writes its report while the process ends */
    nanosleep(&moment, NULL);
    for (size_t i = 0; i < 1000 && program->err != -1; i++) {
        fcntl(program->err, F_SETFL, O_NONBLOCK);
        read_pipe(&program->err, &program->err_text);
    }
}

static void
check_words(struct world *world)
{
    static const char *const signs[] = {"Sanitizer", "runtime error:", "Assertion `"};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (world->carpool.err_text.size > 0 &&
            memmem(world->carpool.err_text.data, world->carpool.err_text.size, signs[i],
                   strlen(signs[i])) != NULL)
            world_fail(world, "carpool's stderr speaks of \"%s\"", signs[i]);
}

void
carpool_finish(struct world *world)
{
    if (!world->is_running)
        world_fail(world, "nothing happens in this conversation");
    if (!world->may_end)
        kill(world->carpool.pid, SIGTERM);
    world->may_end = true;
    while (world->carpool.out != -1 || world->carpool.err != -1)
        if (world_turn(world, -1, WORLD_DEADLINE) == TURN_LATE)
            world_fail(world, "carpool does not end after SIGTERM: something still runs in it");
    world->is_running = false;
    program_reap(&world->carpool);
    if (world->carpool.status != 0)
        program_fail(world, &world->carpool, "carpool ended badly");
    check_words(world);
}
