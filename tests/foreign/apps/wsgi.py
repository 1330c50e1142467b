"""A WSGI application: it answers `wsgi says hello` to anything."""


def application(environ, start_response):
    said = f"wsgi says hello to {environ['PATH_INFO']}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))])
    return [said]
