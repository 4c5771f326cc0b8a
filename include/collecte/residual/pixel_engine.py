"""The two networks of rapidocr (Apache-2.0; PP-OCRv6 small), run on onnxruntime as fast as one core can.

The models come from rapidocr's own wheel, and so do the steps that make boxes and letters of what the networks say;
nothing is ever downloaded, and nothing is logged. What is done here, and not by rapidocr:

- Numbers under 1e-38 count as zero while a network runs. In two of its layers most values are such *subnormal* numbers,
  which Intel's processors compute about a hundred times slower than others: of the time of the detector that was 57 %.
- Memory is taken once and kept (onnxruntime's arena), but not planned for each size of picture: 340 MB for the largest
  pictures that are looked at. Taken and given back with each layer, it cost as much again as the computing.
- One thread, so that as many processes run as there are cores.
"""

import ctypes
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

#: Rows × columns × 3, blue, green, red.
Picture = npt.NDArray[np.uint8]
#: Four corners, x and y, from the upper left one clockwise as the text is read.
Quad = npt.NDArray[np.float32]

#: The detector takes sides of a multiple of this; the reader lines of this height, as wide as this at least.
_STEP, _LINE, _WIDEST = 32, 48, 320
#: From where on a pixel, and a region, may be text. Lower than rapidocr's 0.3 and 0.5: what is no text is read, and
#: dropped then.
_PIXEL, _REGION = 0.2, 0.35
#: The control word MXCSR in glibc's ``fenv_t`` of x86-64 (<bits/fenv.h>), and its bits "flush to zero" and "subnormals
#: are zero" (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 10.2.3).
_SIZE, _MXCSR, _FLUSH = 32, 28, 0x8040


@dataclass(frozen=True)
class Engine:
    """``detect``: 1 × 3 × rows × columns in -1..1 to the likelihood of text, 1 × 1 × rows × columns; ``read``: lines
    × 3 × 48 × columns to what the letters may be. ``boxes`` and ``letters`` make something of it."""

    detect: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
    read: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
    boxes: Callable[..., Any]
    letters: Callable[..., Any]

    def quads(self, picture: Picture) -> list[Quad]:
        """Where text may stand."""
        import cv2

        rows, columns = picture.shape[:2]
        size = _stepped(columns), _stepped(rows)
        fitting = picture if size == (columns, rows) else cv2.resize(picture, size)
        found, _ = self.boxes(self.detect(_network(fitting)[np.newaxis]), (rows, columns))
        return [np.asarray(quad, np.float32) for quad in found]

    def text(self, line: Picture) -> tuple[str, float]:
        """What stands in a line of text, and how sure that is (0..1). IDENTIFYING."""
        import cv2

        width = max(1, round(np.ceil(_LINE * line.shape[1] / line.shape[0])))
        wide = np.zeros((1, 3, _LINE, max(_WIDEST, width)), np.float32)
        wide[0, :, :, :width] = _network(cv2.resize(line, (width, _LINE)))
        ((text, sure),), _ = self.letters(self.read(wide))
        return str(text), float(sure)


def _stepped(side: int) -> int:
    return max(1, round(side / _STEP)) * _STEP


def _network(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """3 × rows × columns, in -1..1."""
    scaled: npt.NDArray[np.float32] = np.multiply(picture.transpose(2, 0, 1), 2 / 255, dtype=np.float32) - 1
    return scaled


@cache
def engine() -> Engine:
    """The engine of this process, opened when it is first asked for."""
    import cv2
    import rapidocr
    from rapidocr.ch_ppocr_det.utils import DBPostProcess
    from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

    cv2.setNumThreads(1)
    models = Path(rapidocr.__file__).parent / "models"
    detector, reader = _session(models / "PP-OCRv6_det_small.onnx"), _session(models / "PP-OCRv6_rec_small.onnx")
    letters = reader.get_modelmeta().custom_metadata_map["character"].splitlines()
    return Engine(
        detect=_runner(detector),
        read=_runner(reader),
        boxes=DBPostProcess(thresh=_PIXEL, box_thresh=_REGION, unclip_ratio=1.6, use_dilation=True),
        letters=CTCLabelDecode(character=letters),
    )


def _session(model: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena, options.enable_mem_pattern = True, False
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _runner(session: Any) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
    (name,) = (each.name for each in session.get_inputs())

    def run(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with subnormals_as_zero():
            return np.asarray(session.run(None, {name: values})[0], np.float32)

    return run


@contextmanager
def subnormals_as_zero() -> Iterator[None]:
    """Within it, this thread takes numbers under 1e-38 for zero, on x86-64 under Linux; elsewhere nothing changes.

    onnxruntime has an option for it, but that holds for the first session of a process, and for its thread from then
    on: numpy would compute otherwise after the first look at an image than before.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        yield
        return
    library, before = ctypes.CDLL(None), ctypes.create_string_buffer(_SIZE)
    library.fegetenv(before)
    control = int.from_bytes(before.raw[_MXCSR:], "little") | _FLUSH
    flushing = ctypes.create_string_buffer(before.raw[:_MXCSR] + control.to_bytes(4, "little"), _SIZE)
    library.fesetenv(flushing)
    try:
        yield
    finally:
        library.fesetenv(before)
