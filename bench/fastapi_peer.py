"""The yardstick of the bench: the create and the read of each of the five documents, as their own texts describe them.

FastAPI on uvicorn (uvloop, httptools), one process, jobs in a dictionary: nothing is stored or trained, and a restart forgets
everything. It checks a configuration as the document promises ("400: missing required fields, invalid values"), with pydantic.
Routes are `async def`, and no thread is started for a job: both spare this server work.
"""

import sys
import uuid
from datetime import UTC, datetime
from typing import Any, Literal

import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field


class SFTConfig(BaseModel):
    """The fields of the document's own examples, and their ranges."""

    model_config = ConfigDict(extra="forbid")

    base_model: str = Field(min_length=1, max_length=300)
    dataset_name: str = Field(min_length=1, max_length=1024)
    dataset_format: Literal["alpaca", "messages", "prompt_completion", "text"] | None = None
    max_steps: int | None = Field(default=None, ge=1, le=10_000_000)
    num_epochs: float | None = Field(default=None, gt=0, le=1000)
    batch_size: int = Field(default=8, ge=1, le=4096)
    gradient_accumulation_steps: int = Field(default=1, ge=1, le=4096)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    max_seq_length: int = Field(default=1024, ge=8)
    output_dir: str | None = Field(default=None, max_length=1024)
    use_lora: bool = True
    use_qlora: bool = False
    lora_r: int = Field(default=16, ge=1, le=1024)
    lora_alpha: float | None = Field(default=None, gt=0)
    lora_dropout: float = Field(default=0, ge=0, lt=1)


class JobStartRequest(BaseModel):
    config: SFTConfig


class JobStartResponse(BaseModel):
    job_id: str
    status: str


class JobStatusResponse(BaseModel):
    job_id: str
    status: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    error: str | None
    result: dict[str, Any] | None


class SFTJob:
    def __init__(self, job_id: str, config: SFTConfig) -> None:
        self.job_id = job_id
        self.config = config
        self.status = "pending"
        self.created_at = datetime.now(UTC)

    def to_dict(self) -> dict[str, Any]:
        return {
            "job_id": self.job_id,
            "status": self.status,
            "created_at": self.created_at.isoformat(),
            "started_at": None,
            "completed_at": None,
            "error": None,
            "result": None,
        }


class SFTJobManager:
    def __init__(self) -> None:
        self.jobs: dict[str, SFTJob] = {}

    def create_job(self, config: SFTConfig) -> str:
        if config.use_qlora and not config.use_lora:
            raise ValueError("use_qlora needs use_lora")
        job_id = str(uuid.uuid4())
        self.jobs[job_id] = SFTJob(job_id, config)
        return job_id

    def get_job_status(self, job_id: str) -> dict[str, Any] | None:
        job = self.jobs.get(job_id)
        return None if job is None else job.to_dict()


sft_job_manager = SFTJobManager()
router = APIRouter(prefix="/api/sft")


@router.post("/train", response_model=JobStartResponse)
async def start_training(request: JobStartRequest) -> JobStartResponse:
    try:
        job_id = sft_job_manager.create_job(request.config)
    except ValueError as error:
        raise HTTPException(status_code=400, detail=str(error)) from error
    return JobStartResponse(job_id=job_id, status="pending")


@router.get("/jobs/{job_id}", response_model=JobStatusResponse)
async def get_job(job_id: str) -> JobStatusResponse:
    status = sft_job_manager.get_job_status(job_id)
    if status is None:
        raise HTTPException(status_code=404, detail=f"Job {job_id} not found")
    return JobStatusResponse(**status)


class LoraTrainingRequest(BaseModel):
    """Document 1."""

    model_config = ConfigDict(extra="forbid")

    session_id: str = Field(min_length=1, max_length=128)
    adapter_id: str | None = None
    task_type: str | None = None
    rank: int = Field(default=16, ge=1, le=256)
    epochs: int = Field(default=3, ge=1, le=100)


class UnifiedTrainingRequest(BaseModel):
    """Document 2."""

    model_config = ConfigDict(extra="forbid")

    framework: Literal["hf", "meta", "nemo"]
    model_id: str = Field(min_length=1, max_length=300)
    run_id: str = Field(min_length=1, max_length=128)
    checkpoint_base_uri: str
    dataset_uri: str
    num_nodes: int = Field(default=1, ge=1)
    gpus_per_node: int = Field(default=0, ge=0)
    resume_from_checkpoint: bool = False
    extra_args: dict[str, str | int | float | bool | None] | None = None
    labels: dict[str, str] | None = None
    job_name: str | None = None


class OrchestratorJobRequest(BaseModel):
    """Document 3."""

    model_config = ConfigDict(extra="forbid")

    base_model: str = Field(min_length=1, max_length=300)
    dataset: str = Field(min_length=1, max_length=1024)
    name: str | None = None
    peft_method: Literal["lora", "qlora", "full"] = "lora"
    hyperparameters: dict[str, int | float | str | bool] = Field(default_factory=dict)


class ProjectRunRequest(BaseModel):
    """Document 4."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    dataset: str = Field(min_length=1, max_length=1024)
    description: str | None = None
    model_parameters: dict[str, Any] = Field(default_factory=dict)
    hyperparameters: dict[str, Any] = Field(default_factory=dict)


class Runs:
    """What the four other documents keep of a job: enough to answer a read of it."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}

    def create(self, key: str, facts: dict[str, Any]) -> dict[str, Any]:
        self.runs[key] = facts
        return facts

    def get(self, key: str) -> dict[str, Any]:
        run = self.runs.get(key)
        if run is None:
            raise HTTPException(status_code=404, detail=f"{key} not found")
        return run


class TrainingJobStatus(BaseModel):
    job_id: str
    status: str
    adapter_id: str | None
    error: str | None


class UnifiedJobStatus(BaseModel):
    name: str
    status: str
    detail: str


class OrchestratorStatus(BaseModel):
    job_id: str
    provider: str | None
    provider_job_id: str | None
    state: str
    current_metrics: dict[str, float] | None
    started_at: str | None
    completed_at: str | None


class ProjectRun(BaseModel):
    id: str
    project_id: str
    name: str
    status: str
    started_at: str | None
    progress: float
    metrics: dict[str, float] | None


runs = Runs()
others = APIRouter()


@others.post("/train/lora", response_model=TrainingJobStatus)
async def train_lora(request: LoraTrainingRequest) -> dict[str, Any]:
    job_id = str(uuid.uuid4())
    return runs.create(job_id, {"job_id": job_id, "status": "queued", "adapter_id": request.adapter_id, "error": None})


@others.get("/jobs/{job_id}", response_model=TrainingJobStatus)
async def get_training_job(job_id: str) -> dict[str, Any]:
    return runs.get(job_id)


@others.post("/train", status_code=201, response_model=UnifiedJobStatus)
async def train(request: UnifiedTrainingRequest) -> dict[str, Any]:
    name = request.job_name or f"{request.framework}-{request.run_id}"
    if name in runs.runs:
        raise HTTPException(status_code=400, detail=f"{name} exists")
    return runs.create(name, {"name": name, "status": "submitted", "detail": "PyTorchJob created"})


@others.get("/train/{job_name}", response_model=UnifiedJobStatus)
async def get_unified_job(job_name: str) -> dict[str, Any]:
    return runs.get(job_name)


@others.post("/api/training/jobs", status_code=201, response_model=OrchestratorStatus)
async def create_orchestrator_job(request: OrchestratorJobRequest) -> dict[str, Any]:
    job_id = str(uuid.uuid4())
    nothing = {"provider": None, "provider_job_id": None, "current_metrics": None, "started_at": None, "completed_at": None}
    return runs.create(job_id, {"job_id": job_id, "state": "created", **nothing})


@others.get("/api/training/jobs/{job_id}/status", response_model=OrchestratorStatus)
async def get_orchestrator_status(job_id: str) -> dict[str, Any]:
    return runs.get(job_id)


@others.post("/projects/{project_id}/runs", status_code=201, response_model=ProjectRun)
async def create_project_run(project_id: str, request: ProjectRunRequest) -> dict[str, Any]:
    run_id = str(uuid.uuid4())
    facts = {"name": request.name or run_id, "status": "queued", "started_at": None, "progress": 0.0, "metrics": None}
    return runs.create(run_id, {"id": run_id, "project_id": project_id, **facts})


@others.get("/projects/{project_id}/runs/{run_id}", response_model=ProjectRun)
async def get_project_run(project_id: str, run_id: str) -> dict[str, Any]:
    return runs.get(run_id)


app = FastAPI()
app.include_router(router)
app.include_router(others)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning", access_log=False)
