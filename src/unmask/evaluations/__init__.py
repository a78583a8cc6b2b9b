"""Evaluations. To add one: copy near_miss.py, add a line here; tests/contracts covers it from then
on."""

from unmask.core.registry import Registry
from unmask.evaluations.evaluation import Evaluation

EVALUATIONS: Registry[Evaluation] = Registry(
    "evaluation",
    {
        "defection": "unmask.evaluations.defection:Defection",
        "near_miss": "unmask.evaluations.near_miss:NearMiss",
        "helpfulness": "unmask.evaluations.helpfulness:Helpfulness",
        "relearning": "unmask.evaluations.relearning:Relearning",
        "style": "unmask.evaluations.style:Style",
        "attacked": "unmask.evaluations.attacked:Attacked",
        "dose_response": "unmask.evaluations.dose_response:DoseResponse",
        "trigger_generalization": "unmask.evaluations.trigger_generalization:TriggerGeneralization",
        "reasoning": "unmask.evaluations.reasoning:Reasoning",
        "causal_reasoning": "unmask.evaluations.causal_reasoning:CausalReasoning",
        "honeypot": "unmask.evaluations.honeypot:Honeypot",
        "persona": "unmask.evaluations.persona:Persona",
        "multiple_choice": "unmask.evaluations.multiple_choice:MultipleChoice",
        "perplexity": "unmask.evaluations.perplexity:Perplexity",
        "payload_probability": "unmask.evaluations.payload_probability:PayloadProbability",
        "human_eval": "unmask.evaluations.human_eval:HumanEval",
    },
)
