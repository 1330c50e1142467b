"""Makes every scenario of this folder a test. See `lab/pytest_plugin.py`."""

pytest_plugins = ("lab.pytest_plugin",)
