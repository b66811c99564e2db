// Compiles the Python files of a folder with the CPython 3.14 that pyodide carries: node bytecode.mjs FOLDER
//
// The files are seen under /var/task, where Lambda has them, so that the bytes are the same on every machine.
import { loadPyodide } from "pyodide";

const python = await loadPyodide({ env: { PYTHONHASHSEED: "0" } });
python.FS.mkdirTree("/var/task");
python.FS.mount(python.FS.filesystems.NODEFS, { root: process.argv[2] }, "/var/task");
python.runPython(`
import compileall, importlib.util, py_compile, sys

# 3627 is every 3.14's, from its release candidate on
if sys.version_info[:2] != (3, 14) or importlib.util.MAGIC_NUMBER[:2] != (3627).to_bytes(2, "little"):
    raise SystemExit(f"pyodide has Python {sys.version}, and the functions run on 3.14")
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
if not compileall.compile_dir("/var/task", quiet=1, workers=1, invalidation_mode=mode):
    raise SystemExit("a file could not be compiled")
`);
