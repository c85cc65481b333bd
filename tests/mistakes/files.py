"""Mistakes in writing files and in checkpoints."""

from . import Mistake

MISTAKES = (
    Mistake("files written where they stand", 'path.with_name(f".{path.name}.half") for path', "path for path"),
    Mistake("not forced onto the disk", "                os.fsync(file.fileno())\n", "                pass\n"),
    Mistake("the name not forced onto the disk", "            os.fsync(number)\n", "            pass\n"),
    Mistake("halves left behind", "            half.unlink(missing_ok=True)\n", "            pass\n"),
    Mistake("each name given at once", "                os.fsync(file.fileno())\n", "                os.fsync(file.fileno())\n            os.replace(halves[path], path)\n"),
    Mistake("checksum of the first bytes", "hashlib.sha256(content)", "hashlib.sha256(content[:1000])"),
    Mistake("checksum not looked at", "    refuse.checksum(path, checksum(content), len(content))\n", ""),
    Mistake("a damaged file ends it", "            except ValueError as error:\n                path.rename", "            except ZeroDivisionError as error:\n                path.rename"),
    Mistake("the best removed", "if path not in (new, self.best()):", "if path != new:"),
    Mistake("the first kept, not the last", "self.paths()[:-self.keep]", "self.paths()[self.keep:]"),
    Mistake("the largest loss is the best", "key=_loss_of, default=None)", "key=lambda path: -_loss_of(path), default=None)"),
    Mistake("losses in names cut to six decimals", "{loss:.9g}", "{loss:.6f}"),
    Mistake("code in a checkpoint is run", 'map_location="cpu", weights_only=True)', 'map_location="cpu", weights_only=False)'),
    Mistake("what cannot be read again is saved", "torch.load(buffer, weights_only=True)", "torch.load(buffer, weights_only=False)"),
)
