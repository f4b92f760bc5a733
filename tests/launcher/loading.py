"""The launcher as a module: it has no ``.py`` to its name."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PATH = Path(__file__).resolve().parents[2] / "dev"


def load() -> ModuleType:
    if "dev" not in sys.modules:
        loader = importlib.machinery.SourceFileLoader("dev", str(PATH))
        spec = importlib.util.spec_from_loader("dev", loader)
        assert spec
        module = importlib.util.module_from_spec(spec)
        sys.modules["dev"] = module
        loader.exec_module(module)
    return sys.modules["dev"]
