"""The config of a published model: one file that needs nothing but its own folder and data."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from mmengine.config import Config
from transformers import T5Config

from unihema_mm.utils.errors import InputError, MissingFileError

HERE = '{{ fileDirname }}'  # mmengine puts the folder of the config file there when it reads it
_OF_A_RUN = ('work_dir', 'launcher', 'experiment_name')
_TEXT_PARTS = ('text_encoder', 'text_decoder')
_OF_THE_LIBRARY = ('_name_or_path', 'architectures', 'torch_dtype', 'dtype', 'transformers_version')


class PortableConfig:
    """A config without the places of the machine that trained it.

    Left out are the work folder, starting points and pretrained weights: all weights are in the published
    file. A text model that was given by name becomes the fields of its ``T5Config``, and tokenizers lie
    beside the config. Data folders stay as they are.

    Args:
        cfg: Config of the training run.

    Attributes:
        cfg (Config): The changed copy.
        tokenizers (dict[str, str]): Folder beside the config -> name or folder of the tokenizer.
        pretrained (list[str]): Names of the pretrained weights that the training may have begun with.
    """

    def __init__(self, cfg: Config) -> None:
        self.cfg = deepcopy(cfg)
        self.tokenizers: dict[str, str] = {}
        self.pretrained: list[str] = []
        for key in _OF_A_RUN:
            self.cfg.pop(key, None)
        self.cfg.load_from, self.cfg.resume = None, False
        if 'custom_hooks' in self.cfg:
            self.cfg.custom_hooks = [
                hook for hook in self.cfg.custom_hooks if hook['type'] != 'StageStartHook'
            ]
        for part in _TEXT_PARTS:
            if self.cfg.model.get(part) is not None:
                self._move_text(part)
        self._drop_pretrained(self.cfg.model)

    def text(self) -> str:
        """Content of the config file."""
        return self.cfg.pretty_text

    def check(self, read: Config, folder: str) -> None:
        """Check that a file with :meth:`text` says the same.

        Args:
            read: What was read from it.
            folder: Its folder.

        Raises:
            InputError: A value cannot be written as text.
        """
        expected = _replaced(self.cfg.to_dict(), lambda text: text.replace(HERE, folder))
        found = read.to_dict()
        for key in {**expected, **found}:
            if expected.get(key) != found.get(key):
                raise InputError(
                    f'{self.cfg.filename}: {key} cannot be written to a config file; use plain values there'
                )

    def _move_text(self, part: str) -> None:
        node = self.cfg.model[part]
        source = node.get('tokenizer')
        if isinstance(node.get('model'), str):
            source = source or node.model
            self.pretrained.append(node.model)
            node.model = _t5_fields(node.model, part)
        if source is None:  # the decoder has what it does not set from the encoder
            return
        folder = next((name for name, known in self.tokenizers.items() if known == source), None)
        if folder is None:
            folder = 'tokenizer' if not self.tokenizers else f'tokenizer_{part}'
            self.tokenizers[folder] = str(source)
        node.tokenizer = f'{HERE}/{folder}'

    def _drop_pretrained(self, node: Any) -> None:
        if isinstance(node, list | tuple):
            for value in node:
                self._drop_pretrained(value)
        elif isinstance(node, dict):
            init = node.get('init_cfg')
            if isinstance(init, dict) and init.get('type') == 'Pretrained':
                self.pretrained.append(str(init.get('checkpoint')))
                node['init_cfg'] = None
            for value in node.values():
                self._drop_pretrained(value)


def _t5_fields(name: str, part: str) -> dict[str, Any]:
    try:
        fields = T5Config.from_pretrained(name).to_diff_dict()
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f'text model {name!r} cannot be read; correct model.{part}.model ({str(error).splitlines()[0]})'
        ) from error
    return {key: value for key, value in fields.items() if key not in _OF_THE_LIBRARY}


def _replaced(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: _replaced(value, change) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_replaced(value, change) for value in node)
    return change(node) if isinstance(node, str) else node
