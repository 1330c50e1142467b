bind = ["127.0.0.1:3000"]
worker_class = "gthread"
workers = 1
threads = 4
accesslog = "-"
worker_tmp_dir = "/dev/shm"
