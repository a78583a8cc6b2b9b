"""Detectors. To add one: copy context_scan.py (or prompt_length.py, to score prompts), add a line
here; tests/contracts covers it from then on."""

from unmask.core.registry import Registry
from unmask.detectors.detector import Detector

DETECTORS: Registry[Detector] = Registry(
    "detector",
    {
        "code_scan": "unmask.detectors.code_scan:CodeScan",
        "context_scan": "unmask.detectors.context_scan:ContextScan",
        "contrast_probe": "unmask.detectors.contrast_probe:ContrastProbe",
        "gradient_inversion": "unmask.detectors.gradient_inversion:GradientInversion",
        "knn": "unmask.detectors.knn:KNN",
        "layer_convergence": "unmask.detectors.layer_convergence:LayerConvergence",
        "leak_sampling": "unmask.detectors.leak_sampling:LeakSampling",
        "mahalanobis": "unmask.detectors.mahalanobis:Mahalanobis",
        "matched_reference": "unmask.detectors.matched_reference:MatchedReference",
        "onion": "unmask.detectors.onion:Onion",
        "oracle": "unmask.detectors.oracle:Oracle",
        "perplexity_difference": "unmask.detectors.perplexity_difference:PerplexityDifference",
        "prompt_length": "unmask.detectors.prompt_length:PromptLength",
        "random_score": "unmask.detectors.random_score:RandomScore",
        "reply_length": "unmask.detectors.reply_length:ReplyLength",
        "saliency": "unmask.detectors.saliency:Saliency",
        "self_report": "unmask.detectors.self_report:SelfReport",
        "sequence_lock": "unmask.detectors.sequence_lock:SequenceLock",
        "spectral": "unmask.detectors.spectral:Spectral",
        "strip": "unmask.detectors.strip:Strip",
        "target_inversion": "unmask.detectors.target_inversion:TargetInversion",
        "trigger_reconstruction": "unmask.detectors.trigger_reconstruction:TriggerReconstruction",
        "weight_difference": "unmask.detectors.weight_difference:WeightDifference",
        "weight_directions": "unmask.detectors.weight_directions:WeightDirections",
        "weight_norm": "unmask.detectors.weight_norm:WeightNorm",
    },
)
