"""The calls in REST over HTTP/1.1, each with the check of its answer."""

import asyncio
import hashlib
import json

import aiohttp

import result
from result import check

UNKNOWN_NUMBER = "99001-999-9999"
READ_BYTES = 64 * 1024


class Rest:
    """`prefix`: what stands before the provider's own path, `/r1/…` at a gateway."""

    def __init__(self, target, tls, prefix, land, headers, deadline_seconds, connections):
        self.base = f"{'https' if tls else 'http'}://{target}{prefix}"
        self.land = land
        self.headers = headers
        self.deadline_seconds = deadline_seconds
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=connections), auto_decompress=False)

    async def close(self):
        await self.session.close()

    async def call(self, step, chance, end):
        """Does the call and fills `end`."""
        try:
            await getattr(self, step.call)(step, chance, end)
        except result.Wrong as wrong:
            end.wrong = str(wrong)
        except asyncio.TimeoutError:
            end.code = "DEADLINE_EXCEEDED"
        except (aiohttp.ClientError, OSError) as error:
            end.code, end.message = "BROKEN", repr(error)

    def _request(self, method, path, step, headers=(), **options):
        seconds = step.deadline_seconds or self.deadline_seconds
        return self.session.request(
            method, self.base + path, timeout=aiohttp.ClientTimeout(total=seconds),
            headers=[*self.headers, *headers], allow_redirects=False, **options)

    def _note_head(self, response, end):
        end.exchange_id = response.headers.get("lgsp-exchange-id", "")
        end.receipt = response.headers.get("lgsp-receipt", "")

    async def _json(self, response, end):
        """The body of an answer with status 200, or None."""
        self._note_head(response, end)
        body = end.answer.raw(await response.read())
        end.code = str(response.status)
        if response.status == 200:
            try:
                return json.loads(body)
            except ValueError as error:
                raise result.Wrong(f"no JSON: {error}") from error
        end.message = body[:200].decode(errors="replace")
        try:
            end.reason = json.loads(body)["error"]["reason"]
        except (ValueError, KeyError, TypeError):
            pass  # not of the provider
        return None

    async def _get(self, path, step, end, wanted, params=None):
        async with self._request("GET", path, step, params=params) as response:
            found = await self._json(response, end)
        check(found is None or found == wanted, f"{path}: {found}")

    async def rest_get(self, step, chance, end):
        number = chance.choice(self.land.numbers)
        await self._get(f"/parcels/{number}", step, end, self.land.parcels[number])

    async def rest_get_unknown(self, step, _chance, end):
        await self._get(f"/parcels/{UNKNOWN_NUMBER}", step, end, None)

    async def rest_list(self, step, chance, end):
        commune, size = chance.choice(self.land.communes), 1 + chance.randrange(200)
        found, following, total = self.land.page(commune, "", size, "")
        await self._get("/parcels", step, end,
                        {"parcels": found, "next_page_token": following, "total_size": total},
                        {"commune": commune, "page_size": size})

    async def rest_survey(self, step, chance, end):
        label, digest, reached = chance.random(), hashlib.sha256(), asyncio.Event()

        async def body():
            for data in self.land.blocks(label, step.bytes):
                digest.update(data)
                yield end.request.raw(data)
                if step.cancel_after and end.request.bytes >= step.cancel_after:
                    reached.set()
                    await asyncio.Event().wait()

        async def post():
            headers = () if step.chunked else (("content-length", str(step.bytes)),)
            async with self._request("POST", "/surveys", step, headers, data=body()) as response:
                return await self._json(response, end)
        task = asyncio.ensure_future(post())
        if step.cancel_after:
            waiting = asyncio.ensure_future(reached.wait())
            await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not task.done():
                task.cancel()  # and with it goes the connection
                await asyncio.wait((task,))
                end.code = "CANCELLED"
                return
        found = await task
        wanted = {"bytes": step.bytes, "sha256": digest.hexdigest()}
        check(found is None or found == wanted, f"receipt of a survey: {found}")

    async def rest_photo(self, step, chance, end):
        number = chance.choice(self.land.numbers)
        params = {"bytes": step.bytes, "chunked": int(step.chunked)}
        async with self._request("GET", f"/photos/{number}", step, params=params) as response:
            if response.status != 200:
                await self._json(response, end)
                return
            self._note_head(response, end)
            if not await self._photo(response, f"photo/{number}", step, end):
                response.close()  # and with it the connection
                end.code = "CANCELLED"
                return
        end.code = "200"
        check(end.answer.bytes == step.bytes, f"{end.answer.bytes} bytes of {step.bytes}")

    async def _photo(self, response, label, step, end):
        """False when the consumer has had enough."""
        blocks = self.land.blocks(label, step.bytes)
        block, have = next(blocks, b""), b""
        async for data in response.content.iter_chunked(READ_BYTES):
            have += end.answer.raw(data)
            while block and len(have) >= len(block):
                check(have.startswith(block), "a block of a photo")
                have, block = have[len(block):], next(blocks, b"")
            check(block.startswith(have), "the beginning of a block of a photo")
            if step.cancel_after and end.answer.bytes >= step.cancel_after:
                return False
        return True
