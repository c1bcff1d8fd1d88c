// The WebSocket to the server that this page came from.

/** handlers: message(object), frame(ArrayBuffer), closed(). Returns a function that sends an object. */
export function connect(handlers) {
  const socket = new WebSocket(`ws://${location.host}/play`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) handlers.frame(data);
    else handlers.message(JSON.parse(data));
  };
  socket.onclose = () => handlers.closed();
  return (message) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
}
