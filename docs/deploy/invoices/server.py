"""A service in Python that trusts the auth server's tokens by its public keys."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from sentri import User
from sentri.fastapi import AuthClient

auth = AuthClient(key_uri=os.environ["KEY_URI"], allow_insecure=True)
app = FastAPI()
auth.attach(app)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/invoices")
async def invoices(user: Annotated[User, Depends(auth.protect())]) -> dict[str, object]:
    return {"owner": user.id, "invoices": [{"id": 1, "total": "4.20"}]}
