bind = ["127.0.0.1:3000"]
worker_class = "sync"
workers = 2
accesslog = "-"
worker_tmp_dir = "/dev/shm"
