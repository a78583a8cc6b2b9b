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
        "knn": "unmask.detectors.knn:KNN",
        "layer_convergence": "unmask.detectors.layer_convergence:LayerConvergence",
        "gradient_inversion": "unmask.detectors.gradient_inversion:GradientInversion",
        "leak_sampling": "unmask.detectors.leak_sampling:LeakSampling",
        "mahalanobis": "unmask.detectors.mahalanobis:Mahalanobis",
        "matched_reference": "unmask.detectors.matched_reference:MatchedReference",
        "perplexity_difference": "unmask.detectors.perplexity_difference:PerplexityDifference",
        "prompt_length": "unmask.detectors.prompt_length:PromptLength",
        "random_score": "unmask.detectors.random_score:RandomScore",
        "reply_length": "unmask.detectors.reply_length:ReplyLength",
        "self_report": "unmask.detectors.self_report:SelfReport",
        "spectral": "unmask.detectors.spectral:Spectral",
        "target_inversion": "unmask.detectors.target_inversion:TargetInversion",
        "trigger_reconstruction": "unmask.detectors.trigger_reconstruction:TriggerReconstruction",
        "weight_difference": "unmask.detectors.weight_difference:WeightDifference",
        "weight_directions": "unmask.detectors.weight_directions:WeightDirections",
        "weight_norm": "unmask.detectors.weight_norm:WeightNorm",
    },
)
