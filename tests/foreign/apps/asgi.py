"""An ASGI application: it answers `asgi says hello` to anything."""


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    said = f"asgi says hello to {scope['path']}\n".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(said)).encode())]})
    await send({"type": "http.response.body", "body": said})
