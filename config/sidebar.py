def navigation(request): return []
def dashboard(request, context): return context
