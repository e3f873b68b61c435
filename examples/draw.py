"""Run examples and keep their pictures: ``python examples/draw.py plot_swiss_roll ...``.

Without names all of them run. Pictures go to ``pictures/``, which git ignores, or to the folder
that follows ``--to``; ``make pictures`` draws those of the documentation anew.
"""

import argparse
import runpy
import time
import traceback
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # no windows

import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent


def draw(path, folder):
    """Run an example, and save the pictures that it leaves open."""
    plt.close("all")
    start = time.process_time()
    runpy.run_path(str(path), run_name="__main__")
    folder.mkdir(exist_ok=True, parents=True)
    for i, number in enumerate(plt.get_fignums(), start=1):
        picture = folder / (path.stem + (f"_{i}" if i > 1 else "") + ".png")
        plt.figure(number).savefig(picture, dpi=88)
        print(f"Picture: {picture}")
    print(f"{path.name}: {time.process_time() - start:.0f} s of CPU time\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="such as plot_swiss_roll; all of them by default")
    parser.add_argument("--to", type=Path, default=HERE.parent / "pictures", metavar="FOLDER")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.stem for path in HERE.glob("plot_*.py"))
    failed = []
    for name in names:
        try:
            draw(HERE / f"{name.removesuffix('.py')}.py", arguments.to)
        except ModuleNotFoundError as error:
            failed.append(name)
            print(f"{name} needs a package more: pip install {error.name}\n")
        except Exception:
            failed.append(name)
            traceback.print_exc()
    return f"Not drawn: {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
