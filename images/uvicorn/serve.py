"""uvicorn with the options that a JSON file names; `--check FILE` only reads them, the application and the keys."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import uvicorn

if __name__ == "__main__":
    options = json.loads(Path(sys.argv[-1]).read_text("utf-8"))
    config = uvicorn.Config("handler:app", **options)
    if sys.argv[1] == "--check":
        config.load()
    else:
        uvicorn.Server(config).run()
