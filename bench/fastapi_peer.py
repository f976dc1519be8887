"""The yardstick of the bench: document 5's two busiest routes as its own text describes them.

FastAPI on uvicorn (uvloop, httptools), one process, jobs in a dictionary: nothing is stored, checked or trained, and a
restart forgets everything. Routes are `async def`, and no thread is started for a job: both spare this server work.
"""

import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException
from pydantic import BaseModel


class JobStartRequest(BaseModel):
    config: dict[str, Any]


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
    def __init__(self, job_id: str, config: dict[str, Any]) -> None:
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

    def create_job(self, config: dict[str, Any]) -> str:
        if "base_model" not in config or "dataset_name" not in config:
            raise ValueError("base_model and dataset_name are required")
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
