// All that Node's strict parser (llhttp) saw of each request, one JSON line each. Usage: node record.js LOG
// A request that was read whole, but whose connection broke off before its body was handed out (because what
// came behind it was no request), is told without its body's hash; what is refused, by why.
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

function fieldsOf(request) {
  const fields = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    fields.push([request.rawHeaders[i].toLowerCase(), request.rawHeaders[i + 1]]);
  }
  return fields;
}

const server = http.createServer((request, response) => {
  const hash = crypto.createHash('sha256');
  let told = false;
  const peer = request.socket.remotePort;
  const tell = (body) => {
    if (told || !request.complete) return;
    told = true;
    const seen = {method: request.method, target: request.url, fields: fieldsOf(request), body, peer};
    fs.appendFileSync(process.argv[2], JSON.stringify(seen) + '\n');
  };
  request.on('data', (piece) => hash.update(piece));
  request.on('end', () => { tell(hash.digest('hex')); response.end('seen'); });
  request.on('close', () => tell(null));
});
server.on('checkExpectation', (request, response) => server.emit('request', request, response));
server.on('clientError', (error, socket) => {
  if (error.code.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') {
    fs.appendFileSync(process.argv[2], JSON.stringify({refused: error.code, peer: socket.remotePort}) + '\n');
  }
  socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
