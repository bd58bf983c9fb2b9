"""Detection dataset of smear images with text prompts."""

import logging
import os.path as osp
from collections import Counter
from collections.abc import Iterable, Sequence

import cv2
from mmdet.datasets import CocoDataset
from mmengine.dataset import BaseDataset
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.logging import print_log

from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.palette import colour_blind_palette

from .boxes import BoxState, fit_box, is_number
from .image_files import UnreadableImageError, missing_files
from .label_space import as_class_names, make_label_space
from .prompts import DEFAULT_PROMPT, DETECTION_TEMPLATE, fill_prompt
from .schema import DataError, Fault, read_document, shorten
from .validation.structure import check_structure


@DATASETS.register_module()
class SmearDetDataset(CocoDataset):
    """Boxes and prompts of the annotation schema, or of a plain COCO file.

    Class names are read from the file. Category ids become labels 0, 1, 2, ... in file order, or the
    places of the names in ``classes``. Images without objects stay in training unless
    ``filter_cfg=dict(filter_empty_gt=True)``. Each record carries ``text``, its filled prompt; name it in
    the ``meta_keys`` of ``PackDetInputs`` to find it as ``data_sample.text``.

    What happens with bad input:

    - error when the dataset is built: the data folder or annotation file is missing, empty, truncated or
      not JSON; ids are repeated; an annotation refers to an image or a category that the file lacks; a
      class is not in the label space; image files are missing; no record is meant for the task.
    - dropped, counted, one warning: objects whose box has no area or lies outside the image (and those
      narrower than one pixel, which mmdet's ``CocoDataset`` drops).
    - clipped, counted, one warning: boxes that reach outside the image.
    - an image that cannot be read (needs :class:`LoadSmearImage`): in training another one is drawn, each
      file is reported once per worker process and all are counted; an error in test mode, and where none
      can be read.
    - an image whose size is not that of its record (needs :class:`LoadSmearImage`): error.
    - an image that a transform cannot process, e.g. one so thin that resizing leaves it less than one pixel:
      error that names the image and the transform.

    Args:
        task: Records are used whose ``tasks`` name it; those without ``tasks`` (plain COCO) are used always.
        classes: Label space shared by several sets, by default the classes of the file.
        default_prompt: Prompt words of records that have none.
        prompt_template: Template with the place ``{prompt}``.
        check_files: Whether to look for missing image files at the start (local files only).
        data_prefix: Folder of the images as ``img``, by default ``data_root`` itself, as in the schema.
        metainfo: ``metainfo['classes']`` is not needed; if given, it must equal the names in the file.
        **kwargs: Arguments of mmdet's ``CocoDataset``.

    Attributes:
        repairs: Number of ``clipped``, ``outside``, ``empty`` and ``narrow`` boxes of the file.
        unreadable: Path -> how often reading failed in this process.
    """

    METAINFO: dict = {}

    def __init__(
        self,
        *args,
        task: str = 'det',
        classes: Sequence[str] | None = None,
        default_prompt: str = DEFAULT_PROMPT,
        prompt_template: str = DETECTION_TEMPLATE,
        check_files: bool = True,
        data_prefix: dict | None = None,
        metainfo: dict | None = None,
        **kwargs,
    ) -> None:
        self.task = task
        self.shared_classes = None if classes is None else as_class_names(classes, 'classes')
        self.declared_classes = None
        if metainfo and 'classes' in metainfo:
            self.declared_classes = as_class_names(metainfo['classes'], 'metainfo.classes')
        self.default_prompt = default_prompt
        self.prompt_template = prompt_template
        self.check_files = check_files
        self.repairs: Counter = Counter()
        self.unreadable: Counter = Counter()
        self._failures = 0
        super().__init__(*args, data_prefix=data_prefix or {'img': ''}, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file.

        Returns:
            One record per image of the task.

        Raises:
            DataError: See the class.
        """
        document = self._read()
        self._metainfo['classes'], self.cat2label = make_label_space(
            document['categories'], self.ann_file, self.declared_classes, self.shared_classes
        )
        self._metainfo.setdefault('palette', colour_blind_palette(len(self._metainfo['classes'])))
        self.cat_ids = list(self.cat2label)
        images = [
            {**image, 'width': int(image['width']), 'height': int(image['height'])}
            for image in document['images']
            if self._is_meant(image)
        ]
        if not images:
            raise DataError(
                Fault(
                    self.ann_file,
                    'file',
                    'images',
                    f'none of {len(document["images"])} is meant for the task {self.task!r}',
                    f'add "{self.task}" to their tasks, or choose another file',
                )
            )
        self._check_files(images)
        objects = self._fit_objects(document['annotations'], images)
        self.cat_img_map = {category_id: [] for category_id in self.cat_ids}
        data_list = []
        for image in images:
            for annotation in objects[image['id']]:
                self.cat_img_map[annotation['category_id']].append(image['id'])
            data_list.append(
                self.parse_data_info(
                    {'raw_img_info': {**image, 'img_id': image['id']}, 'raw_ann_info': objects[image['id']]}
                )
            )
        self._report_repairs()
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Add the filled prompt to mmdet's record.

        Args:
            raw_data_info: ``raw_img_info`` and ``raw_ann_info`` of one image.

        Returns:
            Record of mmdet with ``text`` (str).
        """
        data_info = super().parse_data_info(raw_data_info)
        image = raw_data_info['raw_img_info']
        prompt = image.get('prompt') or self.default_prompt
        if not isinstance(prompt, str) or not prompt.strip():
            mend = 'write disease or cell words such as "Malaria"'
            raise DataError(Fault(self.ann_file, f'image {image["id"]}', 'prompt', f'is {prompt!r}', mend))
        data_info['text'] = fill_prompt(prompt, self.prompt_template)
        return data_info

    def prepare_data(self, idx: int) -> dict | None:
        """Run the pipeline; ``None`` makes mmengine draw another training image.

        Args:
            idx: Index of the record.

        Returns:
            The packed sample, or ``None`` where the image of a training record cannot be read.

        Raises:
            UnreadableImageError: The image of a test record cannot be read.
            InputError: A record does not fit its image, a transform cannot process the image, or no
                readable training image was found in ``max_refetch`` further tries.
            RuntimeError: A transform fails for another reason, which is the cause of this error.
        """
        try:
            sample = self._run_pipeline(self.get_data_info(idx))
        except UnreadableImageError as fault:
            if self.test_mode:
                raise
            self._count_unreadable(fault)
            return None
        self._failures = 0
        return sample

    def _run_pipeline(self, record: dict) -> dict | None:
        where = f'{record["img_path"]}: image of {record["width"]}x{record["height"]} pixels'
        for transform in self.pipeline.transforms:
            name = type(transform).__name__
            try:
                record = transform(record)
            except InputError:
                raise
            except cv2.error as fault:
                raise InputError(
                    f'{where}: {name}: cannot process it ({fault.func}: {fault.err}); '
                    'crop or pad the image, remove its record, or change the pipeline'
                ) from fault
            except Exception as fault:
                raise RuntimeError(f'{where}: {name}: failed ({type(fault).__name__}: {fault})') from fault
            if record is None:
                break
        return record

    def _count_unreadable(self, fault: UnreadableImageError) -> None:
        self.unreadable[fault.path] += 1
        self._failures += 1
        if self.unreadable[fault.path] == 1:
            _warn(f'{fault} (skipped; {len(self.unreadable)} unreadable images in this process so far)')
        if self._failures > self.max_refetch:
            first = next(iter(self.unreadable))
            raise InputError(
                f'{self.ann_file}: images: file_name: no image could be read in {self._failures} tries, '
                f'{len(self.unreadable)} of {len(self)} files are unreadable, first {first}; '
                'copy the images again, tools/prepare_data.py check --images names the faulty ones'
            ) from fault

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

    def _is_meant(self, image: dict) -> bool:
        return image.get('tasks') is None or self.task in image['tasks']

    def _is_local(self, path: str) -> bool:
        return isinstance(get_file_backend(path, backend_args=self.backend_args), LocalBackend)

    def _check_files(self, images: list[dict]) -> None:
        root = self.data_prefix['img']
        if not self.check_files or not self._is_local(root):
            return
        missing = missing_files(root, [image['file_name'] for image in images])
        if missing:
            raise DataError(
                Fault(
                    self.ann_file,
                    'images',
                    'file_name',
                    f'{len(missing)} of {len(images)} image files do not exist in '
                    f'{root or "."}: {shorten(missing)}',
                    'check data_root and data_prefix, or copy the images again',
                )
            )

    def _fit_objects(self, annotations: list[dict], images: list[dict]) -> dict[int, list[dict]]:
        """Group the objects by image, clip their boxes and leave out those without an area in it."""
        sizes = {image['id']: (image['width'], image['height']) for image in images}
        objects = {image_id: [] for image_id in sizes}
        for annotation in annotations:
            if annotation['image_id'] not in sizes:
                continue
            x, y, w, h = annotation['bbox']
            (x1, y1, x2, y2), state = fit_box((x, y, x + w, y + h), *sizes[annotation['image_id']])
            if state in (BoxState.EMPTY, BoxState.OUTSIDE):
                self.repairs[state.value] += 1
                continue
            if min(x2 - x1, y2 - y1) < 1:
                self.repairs['narrow'] += 1
                continue
            if state is BoxState.CLIPPED:
                self.repairs[state.value] += 1
            area = annotation.get('area')
            area = area if is_number(area) and area > 0 else (x2 - x1) * (y2 - y1)
            objects[annotation['image_id']].append(
                {**annotation, 'bbox': [x1, y1, x2 - x1, y2 - y1], 'area': area}
            )
        return objects

    def _report_repairs(self) -> None:
        found = [
            f'{self.repairs[key]} boxes {text}'
            for key, text in (
                ('clipped', 'reached outside their image and were clipped'),
                ('outside', 'lay outside their image and were dropped'),
                ('empty', 'had no area and were dropped'),
                ('narrow', 'were narrower than one pixel and were dropped'),
            )
            if self.repairs[key]
        ]
        if found:
            _warn(
                f'{self.ann_file}: {"; ".join(found)}. '
                'tools/prepare_data.py check names those without area or outside.'
            )


def max_objects_per_image(dataset: BaseDataset) -> int:
    """Count the objects of the fullest image; no image is read.

    Args:
        dataset: A dataset, or a wrapper such as ``ConcatDataset``, with ``get_data_info``.

    Returns:
        The number of objects, 0 for a dataset without any.
    """
    return max(_object_counts(dataset), default=0)


def _object_counts(dataset: BaseDataset) -> Iterable[int]:
    return (len(dataset.get_data_info(index)['instances']) for index in range(len(dataset)))


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
