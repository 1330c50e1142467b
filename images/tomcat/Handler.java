import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/** The handler of the contract: one report when it is entered, one when it has answered, and the request told back. */
public class Handler extends HttpServlet {
    private static final FileOutputStream OUT = new FileOutputStream(FileDescriptor.out);

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        report("dispatched", request);
        long size = 0;
        byte[] piece = new byte[65536];
        InputStream body = request.getInputStream();
        for (int n = body.read(piece); n >= 0; n = body.read(piece)) size += n;
        byte[] told = String.format(
            "{\"app\": %s, \"method\": %s, \"target\": %s, \"body_bytes\": %d}%n",
            quoted(getServletContext().getServerInfo()), quoted(request.getMethod()), quoted(target(request)), size
        ).getBytes(StandardCharsets.UTF_8);
        response.setContentType("application/json");
        response.setContentLength(told.length);
        response.getOutputStream().write(told);
        response.flushBuffer();
        report("answered", request);
    }

    /** One line, one write. */
    private static void report(String event, HttpServletRequest request) throws IOException {
        Instant now = Instant.now();
        String token = request.getHeader("Lab-Probe");
        String line = String.format(
            "{\"lab\": \"app/1\", \"time_ns\": %d%09d, \"event\": \"%s\", \"local\": [\"%s\", %d], \"peer\": [\"%s\", %d], "
            + "\"token\": %s, \"method\": %s, \"target\": %s, \"detail\": \"\", \"pid\": %d}%n",
            now.getEpochSecond(), now.getNano(), event, request.getLocalAddr(), request.getLocalPort(),
            request.getRemoteAddr(), request.getRemotePort(), quoted(token == null ? "" : token),
            quoted(request.getMethod()), quoted(target(request)), ProcessHandle.current().pid()
        );
        OUT.write(line.getBytes(StandardCharsets.UTF_8));
    }

    /** Path and query as they were sent. */
    private static String target(HttpServletRequest request) {
        return request.getRequestURI() + (request.getQueryString() == null ? "" : "?" + request.getQueryString());
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ') out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
