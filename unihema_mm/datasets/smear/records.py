"""Reading of an annotation file: what all datasets of the schema have in common."""

import os.path as osp
import pickle
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from mmengine.fileio import LocalBackend, get_file_backend

from unihema_mm.utils.collector import paused_collector

from ..image_files import missing_files
from ..image_lmdb import BACKEND as LMDB_BACKEND
from ..schema import DataError, Fault, read_document, shorten
from ..validation.structure import check_structure
from .guarded_pipeline import GuardedPipelineMixin


class SmearRecordsMixin(GuardedPipelineMixin):
    """Reads and checks an annotation file, before a subclass of mmengine's ``BaseDataset``.

    A class made of it implements ``parse_data_info``, which returns one record of an image or several. The
    base class, or the class itself, sets ``backend_args``.

    Error when the dataset is built: the data folder or annotation file is missing, empty, truncated or not
    JSON; ids are repeated; an annotation refers to an image or a category that the file lacks; image files
    are missing; no record is meant for the task.

    Args:
        task: Records are used whose ``tasks`` name it; those without ``tasks`` (plain COCO) are used always.
        tasks: Tasks that the model does on each sample, by default ``(task,)``.
        folder: Only the images below this folder are used, a path as ``file_name`` begins with.
        dataset_name: Name of the set, by default ``info.dataset`` of the file, else the name of its data
            folder.
        check_files: Whether to look for missing image files at the start (local files only).
        data_prefix: Folder of the images as ``img``, by default ``data_root`` itself, as in the schema.
        image_lmdb: LMDB file, relative to ``data_root``, from which image and mask files are read instead of
            the folder: ``'images.lmdb'`` as ``tools/prepare_data.py lmdb`` makes it.
        **kwargs: Arguments of the base class.
    """

    METAINFO: dict = {}

    def __init__(
        self,
        *args,
        task: str,
        tasks: Sequence[str] | None = None,
        folder: str | None = None,
        dataset_name: str | None = None,
        check_files: bool = True,
        data_prefix: dict | None = None,
        image_lmdb: str | None = None,
        **kwargs,
    ) -> None:
        self.image_lmdb = image_lmdb
        self.task = task
        self.tasks = (task,) if tasks is None else tuple(tasks)
        self.folder = folder
        self.dataset_name = dataset_name
        self.check_files = check_files
        super().__init__(*args, data_prefix={'img': '', **(data_prefix or {})}, **kwargs)

    @property
    def image_backend_args(self) -> dict | None:
        """Storage backend of the image and mask files, ``None`` where they lie in folders."""
        if self.image_lmdb is None:
            return None
        root = self.data_root or ''
        return {'backend': LMDB_BACKEND, 'db_path': osp.join(root, self.image_lmdb), 'root': root or '.'}

    def get_data_info(self, idx: int) -> dict:
        """Record of one sample; with ``image_backend_args`` for the loading transforms where there are any.

        Args:
            idx: Index of the record.
        """
        record = super().get_data_info(idx)
        if self.image_lmdb is not None:
            record['image_backend_args'] = self.image_backend_args
        return record

    def full_init(self) -> None:
        """Read the annotation file, once."""
        with paused_collector():
            super().full_init()

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file.

        Returns:
            The records of all images of the task, in file order.

        Raises:
            DataError: See the class.
        """
        document = self._read()
        info = document.get('info')
        self._set_up(document, info if isinstance(info, dict) else {})
        images = self._images_of_task(document.pop('images'))
        self._check_files('img', 'file_name', [image['file_name'] for image in images])
        objects = self._group_objects(document.pop('annotations'), images)
        data_list = []
        images.reverse()
        while images:  # what was read goes as its record comes, so that memory holds either
            image = images.pop()
            parsed = self.parse_data_info({'raw_img_info': image, 'raw_ann_info': objects.pop(image['id'])})
            data_list += parsed if isinstance(parsed, list) else [parsed]
        return data_list

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Like mmengine's, but each record goes as its bytes come."""
        content, ends = bytearray(), []
        self.data_list.reverse()
        while self.data_list:
            content += pickle.dumps(self.data_list.pop(), protocol=4)
            ends.append(len(content))
        return np.frombuffer(content, np.uint8), np.array(ends, np.int64)

    def _set_up(self, document: dict, info: dict) -> None:
        """Take from the file what holds for all its records."""
        if self.dataset_name is None:
            self.dataset_name = info.get('dataset') or PurePath(self.data_root or self.ann_file).name

    def _group_objects(self, annotations: list[dict], images: list[dict]) -> dict[int, list[dict]]:
        """Object records by the id of their image."""
        objects = {image['id']: [] for image in images}
        for annotation in annotations:
            if annotation['image_id'] in objects:
                objects[annotation['image_id']].append(annotation)
        return objects

    def _common(self, image: dict) -> dict:
        """What the records of every kind hold."""
        partly = {'partly_labelled': True} if image.get('partly_labelled') else {}
        return {
            'img_path': osp.join(self.data_prefix['img'], image['file_name']),
            'img_id': image['id'],
            'width': image['width'],
            'height': image['height'],
            'tasks': self.tasks,
            'dataset': self.dataset_name,
            **partly,
        }

    def _error(self, record: str, field: str, what: str, mend: str) -> DataError:
        return DataError(Fault(self.ann_file, record, field, what, mend))

    def _read(self) -> dict:
        if self._is_local(self.ann_file):
            for folder in (self.data_root, osp.dirname(self.ann_file)):
                if folder and not osp.isdir(folder):
                    raise DataError(
                        Fault(
                            folder,
                            'folder',
                            'path',
                            'the data folder does not exist',
                            'check data_root, or make the data with tools/prepare_data.py',
                        )
                    )
        document = read_document(self.ann_file, self.backend_args)
        faults = check_structure(document, self.ann_file)
        if faults:
            raise DataError(faults)
        return document

    def _images_of_task(self, records: list[dict]) -> list[dict]:
        images = [image for image in records if self._is_meant(image)]
        for image in images:
            image.update(img_id=image['id'], width=int(image['width']), height=int(image['height']))
        if not images:
            raise self._error(
                'file',
                'images',
                f'none of {len(records)} is meant for the task {self.task!r}',
                f'add "{self.task}" to their tasks, or choose another file',
            )
        chosen = self._in_folder(images)
        if not chosen:
            folders = sorted({osp.dirname(image['file_name']) or '.' for image in images})
            raise self._error(
                'images',
                'file_name',
                f'none of {len(images)} is in the folder {self.folder!r}, they are in {shorten(folders)}',
                'correct the folder of the dataset',
            )
        return chosen

    def _is_meant(self, image: dict) -> bool:
        tasks = image.get('tasks')
        if tasks is not None and not isinstance(tasks, list):
            raise self._error(f'image {image["id"]}', 'tasks', f'is {tasks!r}', 'write a list of tasks')
        return tasks is None or self.task in tasks

    def _in_folder(self, images: list[dict]) -> list[dict]:
        if self.folder is None:
            return images
        folders = {osp.dirname(image['file_name']) for image in images}
        below = {folder for folder in folders if PurePath(folder).is_relative_to(self.folder)}
        return [image for image in images if osp.dirname(image['file_name']) in below]

    def _is_local(self, path: str) -> bool:
        return isinstance(get_file_backend(path, backend_args=self.backend_args), LocalBackend)

    def _check_files(self, prefix: str, field: str, names: list[str]) -> None:
        root = self.data_prefix[prefix]
        if not self.check_files:
            return
        if self.image_lmdb is not None:
            place = self.image_backend_args['db_path']
            backend = get_file_backend(backend_args=self.image_backend_args, enable_singleton=True)
            missing, mend = backend.missing(root, names), 'pack them again with tools/prepare_data.py lmdb'
        elif self._is_local(root):
            place = root or '.'
            missing = missing_files(root, names)
            mend = 'check data_root and data_prefix, or copy the images again'
        else:
            return
        if missing:
            what = f'{len(missing)} of {len(names)} image files do not exist in {place}: {shorten(missing)}'
            raise self._error('images', field, what, mend)
