vcl 4.1;
backend app {
    .host = "app";
    .port = "8080";
    .probe = { .url = "/health"; .interval = 50ms; .timeout = 1s; .window = 3; .threshold = 1; .initial = 3; }
}
