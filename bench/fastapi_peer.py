"""The yardstick of the bench: document 5's two busiest routes as its own text describes them.

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


app = FastAPI()
app.include_router(router)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning", access_log=False)
