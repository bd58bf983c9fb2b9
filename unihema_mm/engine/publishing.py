"""A folder with all that others need to test or use a model."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from unihema_mm.engine.field_size import KEY as KEY_OF_SIZES
from unihema_mm.engine.field_size import field_sizes
from unihema_mm.engine.model_card import card_text, make_card
from unihema_mm.engine.portable_config import PortableConfig
from unihema_mm.engine.stages.label_spaces import KEY, stored_label_spaces
from unihema_mm.models.text.tokenizer import load_tokenizer
from unihema_mm.registry import MODELS
from unihema_mm.utils.atomic import TEMPORARY_SUFFIX, write_bytes, write_json
from unihema_mm.utils.checkpoint import check_fit, read_checkpoint, weights_of
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.file_hash import file_sha256
from unihema_mm.utils.weights_file import safetensors_bytes

WEIGHTS, CONFIG, CARD, README = 'model.safetensors', 'config.py', 'model_card.json', 'README.md'


def publish(
    cfg: Config,
    checkpoint: str | os.PathLike,
    out: str | os.PathLike,
    metrics: Mapping[str, float] | None = None,
    force: bool = False,
) -> dict:
    """Write a model to a folder of its own; the folder is whole or absent.

    It holds ``model.safetensors`` (weights, and what their outputs stand for), ``config.py``, the tokenizer,
    ``model_card.json`` and ``README.md``. The config gets the size of the images of the training, where its
    annotation files are there (``field_size``). Before the folder gets its name, the model is built from it
    and the weights are loaded.

    Args:
        cfg: Config that the checkpoint was trained with, with its loaders; that of a stage after
            :func:`~unihema_mm.engine.stages.apply_stage`.
        checkpoint: ``.pth`` or ``.safetensors`` file, read without running code from it.
        out: Folder to write.
        metrics: Results of a test.
        force: Whether to replace an earlier published model.

    Returns:
        The model card.

    Raises:
        InputError: The folder exists, the checkpoint cannot be read or does not fit the config, or a value of
            the config is not plain.
    """
    source, out = Path(checkpoint), Path(out)
    _check_target(out, force)
    content = read_checkpoint(source)
    portable = PortableConfig(cfg)
    if sizes := field_sizes(cfg):
        portable.cfg[KEY_OF_SIZES] = sizes
    with _new_folder(out) as folder:
        weights = weights_of(content)
        for name, tokenizer in portable.tokenizers.items():
            load_tokenizer(tokenizer).save_pretrained(folder / name)
        write_bytes(folder / CONFIG, portable.text().encode())
        _check(folder, portable, weights, str(source))
        meta = {KEY: stored_label_spaces(content), **_dataset_names(content)}
        write_bytes(folder / WEIGHTS, safetensors_bytes(weights, meta))
        card = make_card(
            cfg,
            content,
            source,
            file_sha256(folder / WEIGHTS),
            portable.pretrained,
            metrics,
            _starts(source.parent),
        )
        write_json(folder / CARD, card)
        write_bytes(folder / README, card_text(card).encode())
    return card


def _check_target(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not force:
        raise InputError(f'{out}: exists already; choose another folder, or replace it with --force')
    if not out.is_dir() or (any(out.iterdir()) and not (out / CARD).is_file()):
        raise InputError(f'{out}: is not a published model, so it is not replaced; choose another folder')


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """A folder that takes the place of ``out`` at the end, and vanishes after an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out.parent, prefix=f'.{out.name}.', suffix=TEMPORARY_SUFFIX))
    try:
        folder = work / 'new'
        folder.mkdir()
        yield folder
        if out.exists():
            os.replace(out, work / 'old')
        os.replace(folder, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check(folder: Path, portable: PortableConfig, weights: Mapping[str, Tensor], source: str) -> None:
    """Build the model from the folder, and load the weights."""
    cfg = Config.fromfile(folder / CONFIG)
    portable.check(cfg, os.path.abspath(folder))
    init_default_scope(cfg.get('default_scope', 'unihema_mm'))
    check_fit(MODELS.build(cfg.model), weights, source)


def _dataset_names(checkpoint: Mapping) -> dict:
    """``dataset_meta``: names of classes and attributes of the data of the training; empty without them."""
    meta = checkpoint.get('meta')
    info = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    if not isinstance(info, Mapping):
        return {}
    names = {key: info[key] for key in ('classes', 'attributes') if key in info}
    sets = info.get('sets')
    if isinstance(sets, Mapping):
        names['sets'] = {
            name: {key: part[key] for key in ('classes', 'attributes') if key in part}
            for name, part in sets.items()
        }
    return {'dataset_meta': names}


def _starts(work_dir: Path) -> list[dict]:
    """Starting points of the run that wrote a checkpoint, where its folder tells them."""
    report = work_dir / 'start_report.json'
    return json.loads(report.read_text())['starts'] if report.is_file() else []
