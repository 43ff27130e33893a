"""For scale: a FastAPI operation that accepts a Pydantic model, returns one, and does nothing else."""

import uuid

from fastapi import FastAPI
from pydantic import BaseModel

Answer = bool | int | str | list[str]


class In(BaseModel):
    questionnaire: str
    answers: dict[str, Answer | None]
    contact: dict[str, str] = {}


class Out(BaseModel):
    id: uuid.UUID
    answers: dict[str, Answer | None]


app = FastAPI(title="empty")


@app.post("/v1/submissions", status_code=201, response_model=Out)
async def create_submission(given: In) -> Out:
    return Out(id=uuid.uuid4(), answers=given.answers)
