"""The one way out: every real HTTP request of yt-dlp, each redirect too, is counted, paced and address-checked here."""

import functools
import http.client
import io
import socket
import threading
import urllib.error
import urllib.request
import urllib.response
from typing import Any
from urllib.parse import urljoin, urlsplit

from yt_dlp.networking._helper import create_connection
from yt_dlp.networking._urllib import HTTPHandler, ProxyHandler, RedirectHandler, UrllibRH, make_socks_conn_class
from yt_dlp.networking.common import Request, Response
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.utils.networking import HTTPHeaderDict

from curation.download.addresses import AddressError
from curation.download.answer import GuardedResponse, unpacked
from curation.download.gate import EndedError, Gate, RefusedError, SitePausedError, SlowError, UnreachableError
from curation.download.site import PausedError, StoppedError


class _Handler(HTTPHandler):
    """One real request: waits for the site's token, counts, connects to the checked address."""

    def __init__(self, gate: Gate, context: Any, source_address: str | None) -> None:
        super().__init__(context=context, source_address=source_address)
        self.gate = gate

    def http_open(self, req: Any) -> Any:
        return self._go(req, http.client.HTTPConnection)

    def https_open(self, req: Any) -> Any:
        return self._go(req, http.client.HTTPSConnection, context=self._context)

    def _go(self, req: Any, base: type, **options: Any) -> Any:
        host, port = self.gate.check(req.full_url)
        socks = req.headers.pop("Ytdl-socks-proxy", None)
        kind = make_socks_conn_class(base, socks) if socks else base
        direct = not socks and not req._tunnel_host and req.host == urlsplit(req.full_url).netloc.rpartition("@")[2]
        if not direct:
            self._check_behind_proxy(host, port)
        site = self.gate.sites.of(host)
        if site.is_unreachable:
            raise UnreachableError(f"the site {host[:80]!r} cannot be reached: check the name and the network")
        try:
            site.acquire(self.gate.max_wait)
        except StoppedError:
            raise EndedError("the run is ending") from None
        except PausedError as error:
            raise SitePausedError(str(error)) from None
        self.gate.job.requests += 1
        self.gate.job.last_url = req.full_url
        make = functools.partial(
            self._connection, kind, None if socks else (self.gate.connect if direct else create_connection)
        )
        answer = self.do_open(make, req, **options)
        self.gate.job.statuses.append(answer.status)
        return answer

    def _check_behind_proxy(self, host: str, port: int) -> None:
        """A proxy resolves for itself: refuse what this machine's look-up can see."""
        try:
            self.gate.addresses.resolve(host, port)
        except AddressError as error:
            raise RefusedError(str(error)) from None
        except (OSError, UnicodeError):
            return

    def _connection(self, kind: type, connect: Any, host: str, **options: Any) -> Any:
        connection = _patient(kind, self.gate.timeout)(host, **options)
        if connect is not None:
            connection._create_connection = connect
        return connection

    def http_response(self, req: Any, resp: Any) -> Any:
        codings = [coding.strip().lower() for coding in resp.headers.get("Content-Encoding", "").split(",")]
        codings = [coding for coding in codings if coding not in ("", "identity")]
        if not codings:
            return resp
        body: Any = resp
        for coding in reversed(codings):
            body = io.BytesIO(unpacked(body, coding))
        answer: Any = urllib.response.addinfourl(body, resp.headers, resp.url, resp.code)
        answer.msg = resp.msg
        resp.close()
        return answer

    http_request = https_request = HTTPHandler.http_request
    https_response = http_response


@functools.cache
def _patient(kind: type, seconds: float) -> type:
    """A connection whose status line and headers must come within a time, not just each of their bytes."""

    class Patient(kind):
        def getresponse(self) -> Any:
            sock, late = self.sock, threading.Event()

            def give_up() -> None:
                late.set()
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return

            timer = threading.Timer(seconds, give_up)
            timer.daemon = True
            timer.start()
            try:
                return super().getresponse()
            except (OSError, http.client.HTTPException):
                if late.is_set():
                    raise SlowError(f"no answer within {seconds:g} s") from None
                raise
            finally:
                timer.cancel()

    return Patient


class _Redirects(RedirectHandler):
    """Each hop is checked before it is followed; the body of a redirect is not read."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        target = headers.get("location") or headers.get("uri")
        if target:
            self.gate.check(urljoin(req.full_url, target))
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        fp.close()
        return made


class GuardedRH(UrllibRH):  # yt-dlp wants the ending
    """yt-dlp's plain HTTP client behind the gate; the only client that a session is given."""

    _SUPPORTED_URL_SCHEMES = ("http", "https")
    RH_NAME = "guarded"

    def __init__(self, *, gate: Gate, **options: Any) -> None:
        super().__init__(**{**options, "enable_file_urls": False})
        self.gate = gate

    def _create_instance(self, proxies: Any, cookiejar: Any, legacy_ssl_support: Any = None) -> Any:
        opener = urllib.request.OpenerDirector()
        context = self._make_sslcontext(legacy_ssl_support=legacy_ssl_support)
        for handler in (
            ProxyHandler(proxies),
            _Handler(self.gate, context, self.source_address),
            urllib.request.HTTPCookieProcessor(cookiejar),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Redirects(self.gate),
        ):
            opener.add_handler(handler)
        opener.addheaders = []
        return opener

    def _prepare_headers(self, request: Request, headers: HTTPHeaderDict) -> None:
        headers["Accept-Encoding"] = "identity"
        if self.gate.job.resume_with and "Range" in headers and not headers["Range"].startswith("bytes=0-"):
            headers["If-Range"] = self.gate.job.resume_with

    def _check_url_scheme(self, request: Request) -> Any:
        self.gate.check(request.url)
        return urlsplit(request.url).scheme.lower()

    def _send(self, request: Request) -> Response:
        self.gate.job.error = None
        try:
            answer = GuardedResponse(super()._send(request), self.gate)
        except HTTPError as error:
            self.gate.job.error = known = HTTPError(GuardedResponse(error.response, self.gate), error.redirect_loop)
            raise known from error
        except RequestError as error:
            self.gate.job.error = error
            raise
        tag = answer.headers.get("ETag", "")
        strong = tag if tag.startswith('"') else None
        self.gate.job.validator = strong or answer.headers.get("Last-Modified")
        return answer
