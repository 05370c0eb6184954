// What Node's strict parser (llhttp) saw of a request, as JSON. Usage: node echo.js LOG
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

const server = http.createServer((request, response) => {
  const hash = crypto.createHash('sha256');
  let length = 0;
  request.on('data', (piece) => { hash.update(piece); length += piece.length; });
  request.on('end', () => {
    const seen = JSON.stringify({method: request.method, target: request.url, x: request.headers['x-test'] || '',
                                 length, sha: hash.digest('hex')});
    fs.appendFileSync(process.argv[2], seen + '\n');
    response.setHeader('Content-Type', 'application/json');
    response.end(seen);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
