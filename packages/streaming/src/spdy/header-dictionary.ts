/**
 * What both ends of a SPDY/3 connection know before the first header block (SPDY protocol draft 3, section 2.6.10.1): the names and values that
 * HTTP uses most, each after its length in four bytes, then digits, status lines, dates and types without lengths.
 */
const names =
  "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|authori" +
  "zation|cache-control|connection|content-base|content-encoding|content-language|content-length|content-location|content-m" +
  "d5|content-range|content-type|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-un" +
  "modified-since|last-modified|location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-aft" +
  "er|server|te|trailer|transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|ver" +
  "sion|HTTP/1.1|url|public|set-cookie|keep-alive|origin";

const rest =
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Informat" +
  "ion204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error" +
  "501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, " +
  "Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/" +
  "javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

function withLength(name: string): Buffer {
  const bytes = Buffer.alloc(4 + name.length);
  bytes.writeUInt32BE(name.length);
  bytes.write(name, 4, "latin1");
  return bytes;
}

/** The dictionary of SPDY/3 header compression, 1,423 bytes. */
export const headerDictionary: Buffer = Buffer.concat([
  ...names.split("|").map(withLength),
  Buffer.from(rest, "latin1"),
]);
