"""What is written for TensorBoard, as its protocol buffers: one function for each kind of summary."""

from __future__ import annotations

import io
import json

import rtorch as torch
from rtorch.utils.tensorboard._convert_np import make_np

__all__ = [
    "audio",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]


def _proto():
    from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2

    return summary_pb2, tensor_pb2, tensor_shape_pb2


def _summary(**value):
    s, _, _ = _proto()
    return s.Summary(value=[s.Summary.Value(**value)])


def _metadata(plugin, content=b""):
    s, _, _ = _proto()
    return s.SummaryMetadata(plugin_data=s.SummaryMetadata.PluginData(plugin_name=plugin, content=content))


def scalar(name, tensor, collections=None, new_style=False, double_precision=False):
    """One number."""
    value = make_np(tensor).squeeze()
    if value.ndim:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {value.size} and {value.ndim} "
            "dimensions."
        )
    if not new_style:
        return _summary(tag=name, simple_value=float(value))
    _, t, _ = _proto()
    if double_precision:
        data = t.TensorProto(double_val=[float(value)], dtype="DT_DOUBLE")
    else:
        data = t.TensorProto(float_val=[float(value)], dtype="DT_FLOAT")
    from tensorboard.plugins.scalar.plugin_data_pb2 import ScalarPluginData

    content = ScalarPluginData(version=0).SerializeToString()
    return _summary(tag=name, tensor=data, metadata=_metadata("scalars", content))


def tensor_proto(tag, tensor):
    """A whole tensor."""
    _, t, shape = _proto()
    kinds = {
        torch.float16: ("half_val", "DT_HALF"),
        torch.float32: ("float_val", "DT_FLOAT"),
        torch.float64: ("double_val", "DT_DOUBLE"),
        torch.int8: ("int_val", "DT_INT8"),
        torch.int16: ("int_val", "DT_INT16"),
        torch.int32: ("int_val", "DT_INT32"),
        torch.int64: ("int64_val", "DT_INT64"),
        torch.uint8: ("int_val", "DT_UINT8"),
        torch.bool: ("bool_val", "DT_BOOL"),
    }
    if tensor.dtype not in kinds:
        raise ValueError(f"{tensor.dtype} is not supported by TensorBoard's tensors")
    field, kind = kinds[tensor.dtype]
    values = tensor.reshape(-1)
    values = values.view(torch.int16).tolist() if tensor.dtype == torch.float16 else values.tolist()
    size = shape.TensorShapeProto(dim=[shape.TensorShapeProto.Dim(size=n) for n in tensor.shape])
    data = t.TensorProto(dtype=kind, tensor_shape=size, **{field: values})
    return _summary(tag=tag, tensor=data, metadata=_metadata("tensor"))


# ---------------------------------------------------------------- histograms


def default_bins():
    """Edges that grow by a tenth, on both sides of 0."""
    edges, v = [], 1e-12
    while v < 1e20:
        edges.append(v)
        v *= 1.1
    return [-e for e in edges[::-1]] + [0] + edges


def histogram(name, values, bins, max_bins=None):
    """How often values lie between edges."""
    import numpy as np

    values = make_np(values)
    if values.size == 0:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = np.histogram(values, bins=bins)
    n = len(counts)
    if max_bins is not None and n > max_bins:
        step = n // max_bins
        left = n % step
        if left:
            counts = np.pad(counts, pad_width=[[0, step - left]], mode="constant", constant_values=0)
        counts = counts.reshape(-1, step).sum(axis=-1)
        limits = np.concatenate((limits[:-1][::step], limits[-1:]))
    # what lies outside of the filled part is left out, but for one empty bucket before it
    running = np.cumsum(np.greater(counts, 0))
    start, end = np.searchsorted(running, [0, running[-1] - 1], side="right")
    start, end = int(start), int(end) + 1
    counts = counts[start - 1 : end] if start > 0 else np.concatenate([[0], counts[:end]])
    limits = limits[start : end + 1]
    if counts.size == 0 or limits.size == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    s, _, _ = _proto()
    data = s.HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values.dot(values),
        bucket_limit=limits.tolist(),
        bucket=counts.tolist(),
    )
    return _summary(tag=name, histo=data)


def histogram_raw(name, min, max, num, sum, sum_squares, bucket_limits, bucket_counts):
    """A histogram that was counted elsewhere."""
    s, _, _ = _proto()
    data = s.HistogramProto(
        min=min, max=max, num=num, sum=sum, sum_squares=sum_squares, bucket_limit=bucket_limits, bucket=bucket_counts
    )
    return _summary(tag=name, histo=data)


# ---------------------------------------------------------------- pictures and sound


def to_hwc(a, formats):
    """An array of any order of N, C, H, W as one picture (H, W, 3); several side by side."""
    import numpy as np

    if len(set(formats)) != len(formats):
        raise AssertionError(f"You can not use the same dimension shordhand twice. input_format: {formats}")
    if len(a.shape) != len(formats):
        raise AssertionError(
            f"size of input tensor and input format are different. tensor shape: {a.shape}, input_format: {formats}"
        )
    formats = formats.upper()
    if len(formats) == 4:
        a = a.transpose([formats.index(c) for c in "NCHW"])
        n, channels, height, width = a.shape
        across = min(n, 8)
        down = -(-n // across)
        if channels == 1:
            a = np.repeat(a, 3, axis=1)
            channels = 3
        sheet = np.zeros((channels, height * down, width * across), dtype=a.dtype)
        for i in range(n):
            y, x = (i // across) * height, (i % across) * width
            sheet[:, y : y + height, x : x + width] = a[i]
        return sheet.transpose(1, 2, 0)
    if len(formats) == 3:
        a = a.transpose([formats.index(c) for c in "HWC"])
        return np.concatenate([a, a, a], 2) if a.shape[2] == 1 else a
    if len(formats) == 2:
        a = a.transpose([formats.index(c) for c in "HW"])
        return np.stack([a, a, a], 2)
    raise AssertionError(f"dataformats {formats!r}: 2 to 4 letters of NCHW are expected")


def _scale(a):
    return 1 if a.dtype.name == "uint8" else 255


def image(tag, tensor, rescale=1, dataformats="NCHW"):
    """A picture."""
    import numpy as np

    a = to_hwc(make_np(tensor), dataformats)
    a = (a.astype(np.float32) * _scale(a)).clip(0, 255).astype(np.uint8)
    return _summary(tag=tag, image=make_image(a, rescale=rescale))


def image_boxes(tag, tensor_image, tensor_boxes, rescale=1, dataformats="CHW", labels=None):
    """A picture with boxes on it."""
    import numpy as np

    a, boxes = to_hwc(make_np(tensor_image), dataformats), make_np(tensor_boxes)
    a = (a.astype(np.float32) * _scale(a)).clip(0, 255).astype(np.uint8)
    return _summary(tag=tag, image=make_image(a, rescale=rescale, rois=boxes, labels=labels))


def make_image(a, rescale=1, rois=None, labels=None):
    from PIL import Image, ImageDraw

    s, _, _ = _proto()
    height, width, channels = a.shape
    w, h = int(width * rescale), int(height * rescale)
    picture = Image.fromarray(a if channels > 1 else a[:, :, 0])
    if rois is not None:
        pen = ImageDraw.Draw(picture)
        for i, box in enumerate(rois.tolist()):
            pen.rectangle(box, outline="Red", width=2)
            if labels:
                pen.text((box[0] + 2, box[1] + 2), labels[i], fill="Black")
    out = io.BytesIO()
    picture.resize((w, h), Image.Resampling.LANCZOS).save(out, format="PNG")
    return s.Summary.Image(height=h, width=w, colorspace=channels, encoded_image_string=out.getvalue())


def video(tag, tensor, fps=4):
    """A film (N, T, C, H, W), as a GIF."""
    import numpy as np
    from PIL import Image

    s, _, _ = _proto()
    v = make_np(tensor)
    n, t, channels, height, width = v.shape
    v = (v.astype(np.float32) * _scale(v)).clip(0, 255).astype(np.uint8)
    across = 2 ** ((int(np.log2(max(n, 1))) + 1) // 2) if n > 1 else 1
    down = -(-n // across)
    frames = np.zeros((t, down * height, across * width, channels), dtype=np.uint8)
    for i in range(n):
        y, x = (i // across) * height, (i % across) * width
        frames[:, y : y + height, x : x + width] = v[i].transpose(0, 2, 3, 1)
    pictures = [Image.fromarray(f if channels == 3 else f[:, :, 0]) for f in frames]
    out = io.BytesIO()
    pictures[0].save(out, format="GIF", save_all=True, append_images=pictures[1:], duration=1000 / fps, loop=0)
    h, w = frames.shape[1:3]
    return _summary(
        tag=tag, image=s.Summary.Image(height=h, width=w, colorspace=channels, encoded_image_string=out.getvalue())
    )


def audio(tag, tensor, sample_rate=44100):
    """Sound from -1 to 1, as a WAV file."""
    import wave

    import numpy as np

    a = make_np(tensor).squeeze()
    if abs(a).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
        a = a.clip(-1, 1)
    if a.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    s, _, _ = _proto()
    data = io.BytesIO()
    with wave.open(data, "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(sample_rate)
        f.writeframes((a * np.iinfo(np.int16).max).astype("<i2").tobytes())
    return _summary(
        tag=tag,
        audio=s.Summary.Audio(
            sample_rate=sample_rate,
            num_channels=1,
            length_frames=a.shape[-1],
            encoded_audio_string=data.getvalue(),
            content_type="audio/wav",
        ),
    )


# ---------------------------------------------------------------- text, curves, layouts, parameters, meshes


def text(tag, said):
    """Text in Markdown."""
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    _, t, shape = _proto()
    data = t.TensorProto(
        dtype="DT_STRING",
        string_val=[said.encode("utf_8")],
        tensor_shape=shape.TensorShapeProto(dim=[shape.TensorShapeProto.Dim(size=1)]),
    )
    content = TextPluginData(version=0).SerializeToString()
    return _summary(tag=tag + "/text_summary", metadata=_metadata("text", content), tensor=data)


def _curve(tag, data, thresholds, weights=None):
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    _, t, shape = _proto()
    content = PrCurvePluginData(version=0, num_thresholds=thresholds).SerializeToString()
    size = shape.TensorShapeProto(
        dim=[shape.TensorShapeProto.Dim(size=data.shape[0]), shape.TensorShapeProto.Dim(size=data.shape[1])]
    )
    values = t.TensorProto(dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=size)
    return _summary(tag=tag, metadata=_metadata("pr_curves", content), tensor=values)


def pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds=127, weights=None):
    """Precision and recall that were computed elsewhere."""
    import numpy as np

    return _curve(tag, np.stack((tp, fp, tn, fn, precision, recall)), min(num_thresholds, 127))


def pr_curve(tag, labels, predictions, num_thresholds=127, weights=None):
    """Precision and recall for thresholds from 0 to 1."""
    import numpy as np

    n = min(num_thresholds, 127)  # what the plugin shows
    labels, predictions = make_np(labels), make_np(predictions)
    weights = 1.0 if weights is None else make_np(weights)
    where = np.int32(np.floor(predictions * (n - 1)))
    positive = labels.astype(float)
    tp, _ = np.histogram(where, bins=n, range=(0, n - 1), weights=positive * weights)
    fp, _ = np.histogram(where, bins=n, range=(0, n - 1), weights=(1.0 - positive) * weights)
    tp, fp = np.cumsum(tp[::-1])[::-1], np.cumsum(fp[::-1])[::-1]
    tn, fn = fp[0] - fp, tp[0] - tp
    precision = tp / np.maximum(1e-7, tp + fp)
    recall = tp / np.maximum(1e-7, tp + fn)
    return _curve(tag, np.stack((tp, fp, tn, fn, precision, recall)), n)


def custom_scalars(layout):
    """Which scalars stand in one chart: {category: {chart: ["Multiline" or "Margin", [tags]]}}."""
    from tensorboard.plugins.custom_scalar import layout_pb2 as L

    _, t, shape = _proto()
    categories = []
    for category, charts in layout.items():
        rows = []
        for chart, (kind, tags) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"Expected 3 tags, got {len(tags)}")
                content = L.MarginChartContent(
                    series=[L.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])]
                )
                rows.append(L.Chart(title=chart, margin=content))
            else:
                rows.append(L.Chart(title=chart, multiline=L.MultilineChartContent(tag=tags)))
        categories.append(L.Category(title=category, chart=rows))
    data = t.TensorProto(
        dtype="DT_STRING",
        string_val=[L.Layout(category=categories).SerializeToString()],
        tensor_shape=shape.TensorShapeProto(),
    )
    return _summary(tag="custom_scalars__config__", tensor=data, metadata=_metadata("custom_scalars"))


def hparams(hparam_dict, metric_dict, hparam_domain_discrete=None):
    """Settings of a run and what came out: three summaries."""
    from google.protobuf import struct_pb2
    from tensorboard.plugins.hparams import api_pb2 as A
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams import plugin_data_pb2 as D

    for name, d in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict)):
        if not isinstance(d, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    domains = hparam_domain_discrete or {}
    infos, start = [], D.SessionStartInfo()
    for k, v in hparam_dict.items():
        if v is None:
            continue
        if isinstance(v, torch.Tensor):
            v = make_np(v).item() if v.numel() == 1 else str(v)
        if isinstance(v, bool):
            kind, field = "DATA_TYPE_BOOL", "bool_value"
        elif isinstance(v, (int, float)):
            kind, field = "DATA_TYPE_FLOAT64", "number_value"
        elif isinstance(v, str):
            kind, field = "DATA_TYPE_STRING", "string_value"
        else:
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        start.hparams[k].CopyFrom(struct_pb2.Value(**{field: v}))
        info = A.HParamInfo(name=k, type=A.DataType.Value(kind))
        if k in domains:
            info.domain_discrete.CopyFrom(
                struct_pb2.ListValue(values=[struct_pb2.Value(**{field: x}) for x in domains[k]])
            )
        infos.append(info)
    metrics = [A.MetricInfo(name=A.MetricName(tag=k)) for k in metric_dict]
    experiment = D.HParamsPluginData(
        experiment=A.Experiment(hparam_infos=infos, metric_infos=metrics), version=metadata.PLUGIN_DATA_VERSION
    )
    begin = D.HParamsPluginData(session_start_info=start, version=metadata.PLUGIN_DATA_VERSION)
    end = D.HParamsPluginData(
        session_end_info=D.SessionEndInfo(status=A.Status.Value("STATUS_SUCCESS")), version=metadata.PLUGIN_DATA_VERSION
    )
    tags = (metadata.EXPERIMENT_TAG, metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG)
    return tuple(
        _summary(
            tag=tag, metadata=_metadata(metadata.PLUGIN_NAME, data.SerializeToString()), tensor=metadata.NULL_TENSOR
        )
        for tag, data in zip(tags, (experiment, begin, end))
    )


def mesh(tag, vertices, colors, faces, config_dict, display_name=None, description=None):
    """Points in space, their colours and the triangles between them."""
    from tensorboard.plugins.mesh import metadata
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData

    s, t, shape = _proto()
    config = json.dumps(config_dict, sort_keys=True)
    kinds = ((vertices, MeshPluginData.VERTEX), (faces, MeshPluginData.FACE), (colors, MeshPluginData.COLOR))
    present = [kind for data, kind in kinds if data is not None]
    components = metadata.get_components_bitmask(present)
    out = []
    for data, kind in kinds:
        if data is None:
            continue
        a = make_np(data)
        size = shape.TensorShapeProto(dim=[shape.TensorShapeProto.Dim(size=n) for n in a.shape])
        proto = t.TensorProto(dtype="DT_FLOAT", float_val=a.reshape(-1).tolist(), tensor_shape=size)
        about = metadata.create_summary_metadata(
            tag, display_name, kind, components, a.shape, description, json_config=config
        )
        out.append(s.Summary.Value(tag=metadata.get_instance_name(tag, kind), tensor=proto, metadata=about))
    return s.Summary(value=out)
