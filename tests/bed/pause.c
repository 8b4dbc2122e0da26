/* The first process of every pod on a test host: it keeps the pod's namespaces, collects orphans,
 * and ends when it is told to. scripts/kubernetes makes it static and puts it into the image that
 * containerd's sandbox_image names. */
#include <signal.h>
#include <sys/wait.h>

int main(void) {
    sigset_t awaited;
    int number;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGCHLD);
    /* Process 1 gets no signal that it has not asked for; blocked ones wait for sigwait. */
    sigprocmask(SIG_BLOCK, &awaited, 0);
    for (;;) {
        if (sigwait(&awaited, &number) != 0 || number != SIGCHLD) {
            return 0;
        }
        while (waitpid(-1, 0, WNOHANG) > 0) {
        }
    }
}
