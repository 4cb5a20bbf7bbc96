"""A widget in a real JupyterLab: it is drawn, the keyboard moves it, and the kernel hears of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

PATIENCE = 120  # seconds, for a slow machine


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab that shows a notebook with a widget and a cell that reads its settings."""
    cells = [
        new_code_cell(
            "from inception_lib.book.widgets import ReductionWidget\n"
            "widget = ReductionWidget(grid=20)\n"
            "widget"
        ),
        new_code_cell("print(widget.grid, widget.result()['reduced_macs'])"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "widget.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "lab.log").open("w")
    own = {
        name: str(tmp_path / name)
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR",
        )
    }
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={tmp_path}",
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | own,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"{url}/api", timeout=5).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    said = (tmp_path / "lab.log").read_text()
                    pytest.fail(f"JupyterLab did not start:\n{said}", pytrace=False)
                time.sleep(0.3)
        yield f"{url}/lab/tree/widget.ipynb"
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def test_a_widget_moves_and_the_kernel_follows(lab, chromium):
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(lab)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # cells run before that may be forgotten
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    root = page.locator(".inception-widget")
    root.wait_for()
    printed = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    printed.wait_for()
    assert printed.inner_text().split()[0] == "20"
    slider = root.locator('input[type="range"]').first
    slider.focus()
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    assert '"grid":22' in root.get_attribute("data-settings")
    page.wait_for_timeout(500)  # the change is on its way to the kernel
    page.locator(".jp-CodeCell").nth(1).click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("(cell) => cell.innerText.startsWith('22')", arg=printed.element_handle())
    assert printed.inner_text().split() == ["22", root.get_attribute("data-reduced-macs")]
    page.close()
