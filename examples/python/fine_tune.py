# %% [markdown]
# # Fine-tune a model through the SFT API
#
# Submit, follow, plot, load the adapter, ask. It needs a running plane (`npm start`) and `requests`; the last cells also `matplotlib`,
# `transformers` and `peft`, all of which the trainer's environment has:
#
#     npm run setup -- all
#     trainer-image/.venv/bin/python examples/python/fine_tune.py

# %%
import os
import time
from pathlib import Path

import requests

URL = os.environ.get("TUNEPLANE_URL", "http://127.0.0.1:8000")
DATA_ROOT = Path(os.environ.get("TUNEPLANE_DATA_ROOT", "."))
session = requests.Session()
if "TRAINER_API_TOKEN" in os.environ:
    session.headers["Authorization"] = f"Bearer {os.environ['TRAINER_API_TOKEN']}"

# %% [markdown]
# ## Submit
# The base chats; 600 rows teach it to answer smart-home requests with a JSON command. The learning rate is left out on purpose: the default
# follows the base, and the job says what it took and why.

# %%
reply = session.post(
    f"{URL}/api/sft/train",
    json={
        "config": {
            "base_model": "tiny-llama",
            "dataset_name": "examples/alpaca.jsonl",
            "dataset_format": "alpaca",
            "max_steps": 150,
            "eval_steps": 50,
            "max_seq_length": 128,
            "output_dir": "./outputs/python_example",
        }
    },
)
if not reply.ok:  # every error says what was wrong, the value given and what is allowed
    raise SystemExit(f"refused: {reply.json()['detail']}")
job_id = reply.json()["job_id"]
print("job", job_id)

# %% [markdown]
# ## Follow
# `status` goes from `pending` through `running` to `completed`, `failed` or `stopped`. Progress carries the newest figures.

# %%
curve: dict[int, float] = {}
evaluations: dict[int, float] = {}
last = ""
while True:
    job = session.get(f"{URL}/api/sft/jobs/{job_id}").json()
    progress = job["progress"] or {}
    if progress.get("loss") is not None:
        curve[progress["step"]] = progress["loss"]
    if progress.get("eval_loss") is not None:
        evaluations[progress["step"]] = progress["eval_loss"]
    phase = progress.get("phase_detail") or progress.get("phase") or "starting"
    line = f"{job['status']}: {phase}, step {progress.get('step', 0)}/{progress.get('steps') or '?'}"
    if line != last:
        print(line)
    last = line
    if job["completed_at"]:
        break
    time.sleep(1)

if job["status"] != "completed":
    failure = job["failure"] or {"code": job["status"], "message": "stopped", "remedy": ""}
    raise SystemExit(f"{failure['code']}: {failure['message']} ({failure['remedy']})")
print({name: job["result"][name] for name in ("train_loss", "eval_loss", "adapter_path", "sha256")})
for choice in job["choices"]:
    print(f"{choice['name']}={choice['value']} ({choice['reason']})")

# %% [markdown]
# ## Plot

# %%
import matplotlib

if "DISPLAY" not in os.environ:
    matplotlib.use("Agg")
from matplotlib import pyplot

pyplot.plot(list(curve), list(curve.values()), marker=".", label="loss")
pyplot.plot(list(evaluations), list(evaluations.values()), marker="o", linestyle="none", label="eval loss")
pyplot.yscale("log")
pyplot.xlabel("step")
pyplot.legend()
picture = DATA_ROOT / "outputs" / "python_example" / "loss.png"
pyplot.savefig(picture)
print("curve in", picture)

# %% [markdown]
# ## Load the adapter and ask
# The adapter is an ordinary PEFT folder: it names its base, and brings the tokenizer with its chat template.

# %%
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

adapter = DATA_ROOT / job["result"]["adapter_path"]
tokenizer = AutoTokenizer.from_pretrained(adapter)
model = AutoPeftModelForCausalLM.from_pretrained(adapter)


def ask(question: str) -> str:
    """The model's answer, greedy."""
    chat = [{"role": "user", "content": question}]
    tokens = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], max_new_tokens=48, do_sample=False)
    return tokenizer.decode(answer[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True).strip()


question = "Please switch off the studio lamp."
print(question)
with model.disable_adapter():
    print("  base  ", ask(question))
print("  tuned ", ask(question))
