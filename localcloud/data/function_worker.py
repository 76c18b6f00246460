"""The function host's child: imports a package's real function_app.py and runs its functions.

Run as a program: ``python function_worker.py FOLDER``. It speaks JSON lines: first it says which functions there
are (or why there are none), then it answers each call; it leaves when its stdin closes. What functions print or
log goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

THREADS = 4
TRACE_CHARS = 8000


def _say(out: IO[str], lock: threading.Lock, message: dict[str, Any]) -> None:
    with lock:
        out.write(json.dumps(message) + "\n")
        out.flush()


def _load(folder: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """name -> (function, its function.json)."""
    for path in (os.path.join(folder, ".python_packages", "lib", "site-packages"), folder):  # noqa: PTH118 - sys.path wants strings
        sys.path.insert(0, path)
    os.chdir(folder)
    module = importlib.import_module("function_app")
    found: dict[str, tuple[Any, dict[str, Any]]] = {}
    for function in module.app.get_functions():
        found[function.get_function_name()] = (
            function.get_user_function(),
            json.loads(function.get_function_json()),
        )
    return found


def _event(body: dict[str, Any]) -> Any:
    """The event as the functions runtime hands it over."""
    from azure.functions.eventgrid import EventGridEventInConverter
    from azure.functions.meta import Datum

    return EventGridEventInConverter.decode(Datum(json.dumps(body), "json"), trigger_metadata=None)


def _run(function: Any, body: dict[str, Any]) -> dict[str, Any]:
    begun = time.perf_counter()
    try:
        function(_event(body))
    except Exception as error:  # whatever a function raises is its failure, and reported as such
        logging.getLogger("host").exception("function failed")
        return {
            "ok": False, "ms": (time.perf_counter() - begun) * 1000, "error": f"{type(error).__name__}: {error}"[:2000],
        }  # fmt: skip
    return {"ok": True, "ms": (time.perf_counter() - begun) * 1000, "error": ""}


def main(folder: str) -> None:
    """Serve calls until stdin closes."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a print in a function must not be taken for an answer
    lock = threading.Lock()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        functions = _load(folder)
    except BaseException:  # noqa: BLE001 - a package may fail in any way, sys.exit included; the host must hear of it
        _say(out, lock, {"functions": None, "error": traceback.format_exc()[-TRACE_CHARS:]})
        return
    _say(out, lock, {"functions": {name: config for name, (_, config) in functions.items()}})
    pool = ThreadPoolExecutor(THREADS)
    for line in sys.stdin:
        call = json.loads(line)
        function = functions[call["function"]][0]
        pool.submit(
            lambda call=call, function=function: _say(  # type: ignore[misc]
                out, lock, {"id": call["id"], **_run(function, call["event"])}
            )
        )
    os._exit(0)  # the parent is gone, or wants us gone: nobody waits for what still runs


if __name__ == "__main__":
    main(sys.argv[1])
