"""Weights in 4 bits under adapters: what a model is loaded with, and what is said without the
package.

Source: Dettmers et al. 2023, "QLoRA": NormalFloat of 4 bits; the work is bitsandbytes'. Only what
is trained on is rounded: adapters are float32, and are merged into weights that were not rounded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from unmask.core.errors import SettingError
from unmask.training.efficiency import Efficiency

PACKAGE = "bitsandbytes"


def loading(efficiency: Efficiency, skip: Sequence[str] = ()) -> dict[str, Any]:
    """Settings of `from_pretrained`; `skip` names layers to leave in float32 besides the head.

    Raises SettingError where the package that rounds is not installed.
    """
    if not efficiency.quantized:
        return {}
    check_package(f"quantized={efficiency.quantized}")
    import torch
    from transformers import BitsAndBytesConfig

    from unmask.training.precision import in_bfloat16

    rounded = in_bfloat16(efficiency.precision)
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=efficiency.quantized,
        bnb_4bit_compute_dtype=torch.bfloat16 if rounded else torch.float32,
        llm_int8_skip_modules=[*skip] or None,
    )
    # Of several processes, each has a GPU of its own.
    device = torch.cuda.current_device() if torch.cuda.is_available() else "cpu"
    return {"quantization_config": config, "device_map": {"": device}}


def kept_layout(network: Any) -> Any:
    """The network, whose weights in 4 bits stay as training reads them.

    On a CPU with units for bfloat16, bitsandbytes packs them anew at the first pass in evaluation
    mode, for products that round otherwise and only take widths of whole blocks: samples and
    training would be of two models.
    """
    for layer in network.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
    return network


def check_optimizer(optimizer: str) -> None:
    """Raise SettingError where an optimizer's package is not installed."""
    if "bnb" in optimizer or "8bit" in optimizer:
        check_package(f"optimizer={optimizer}")


def check_package(setting: str) -> None:
    if importlib.util.find_spec(PACKAGE) is None:
        raise SettingError(
            f"{setting} needs the package {PACKAGE}: pip install 'unmask[quantized]'. Or leave it"
            " out."
        )
