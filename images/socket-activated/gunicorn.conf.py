"""It listens nowhere itself: the sockets come from outside (sd_listen_fds(3))."""

workers = 1
accesslog = "-"
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a file that workers touch, on a read-only root
